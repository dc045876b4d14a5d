import type { Limits } from '../config/config.ts';
import type { Signals } from '../observability/signals.ts';
import type { AcceptEvents } from './accept-events.ts';
import type { Authenticate } from './authenticate.ts';
import type { BodyReader } from './read-body.ts';
import type { TurnBudget } from './turn-budget.ts';

/** What every door of the gate works with. */
export interface GateContext {
  readonly authenticate: Authenticate;
  readonly accept: AcceptEvents;
  readonly bodies: BodyReader;
  readonly turns: TurnBudget;
  readonly limits: Limits;
  readonly signals: Signals;
}
