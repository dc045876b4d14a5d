import type { EventError, EventWarning } from '../event/verdict.ts';
import type { IncomingEvent } from '../event/incoming-event.ts';

/** What the contract says of one event. */
export interface Judgement {
  /** Undefined: the event may be stored. */
  readonly error: EventError | undefined;
  readonly warnings: readonly EventWarning[];
  /** The version that judged it; 0 when none did. */
  readonly schemaVersion: number;
}

/** Judges events by envelope, taxonomy and schema. */
export interface Validation {
  /** Never throws, whatever the event holds. */
  judge(event: IncomingEvent): Judgement;
  /** Every event that the taxonomy plans: the closed set of the metrics' label. */
  readonly eventNames: readonly string[];
}
