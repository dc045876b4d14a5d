import type { Limits } from '../config/config.ts';
import type { SourceLimits } from '../config/write-key.ts';
import type { Signals } from '../observability/signals.ts';
import type { AcceptEvents } from './accept/accept-events.ts';
import type { Authenticate } from './intake/authenticate.ts';
import type { Callers } from './intake/callers.ts';
import type { SourceLimiter } from './limits/source-limiter.ts';
import type { BodyReader } from './intake/read-body.ts';
import type { ContractsForm } from '../event/contracts/contracts-form.ts';
import type { TurnBudget } from './intake/turn-budget.ts';

/** What every endpoint of the gate works with. */
export interface GateContext {
  readonly authenticate: Authenticate;
  readonly accept: AcceptEvents;
  readonly bodies: BodyReader;
  readonly callers: Callers;
  readonly limiter: SourceLimiter;
  readonly turns: TurnBudget;
  readonly limits: Limits;
  readonly signals: Signals;
  /** The contracts in force, for relays. */
  readonly contracts: () => ContractsForm;
  /** The limits of a source, over all that states some. */
  readonly limitsOf: (source: string) => SourceLimits | undefined;
}
