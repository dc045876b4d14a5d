import type { Violation } from './violation.ts';

export const eventStatuses = ['accepted', 'duplicate', 'rejected', 'retry'] as const;

export type EventStatus = (typeof eventStatuses)[number];

/** Why an event was rejected. `code` is a key of the error table with scope `event`. */
export interface EventError {
  readonly code: string;
  readonly message: string;
  readonly violations: readonly Violation[];
}

/** The kinds of warning: stable values, also used as a metric label. */
export const warningCodes = [
  'schema_violation',
  'unplanned_event',
  'deprecated_schema_version',
  'properties_stripped',
  'idempotency_key_reused',
] as const;

/** A warning about an accepted event. */
export interface EventWarning {
  readonly code: string;
  readonly message: string;
  readonly violations: readonly Violation[];
}

/** The answer to one event. Never holds the event's own data. */
export interface Verdict {
  /** The index of the event in the request, from 0. */
  readonly index: number;
  readonly idempotencyKey: string;
  /** Empty when the event has no usable idempotency key. */
  readonly eventId: string;
  readonly status: EventStatus;
  /** When the server accepted it, in milliseconds since 1970. */
  readonly timestampMs: number;
  /** The version of the schema that validated it. 0 if no schema did. */
  readonly schemaVersion: number;
  /** Its sequence number in the log. 0 if it was not stored. */
  readonly sequence: number;
  readonly error: EventError | undefined;
  readonly warnings: readonly EventWarning[];
  /** When an event that is `retry` may be sent again, in ms. Undefined: unknown. */
  readonly retryAfterMs?: number;
  /** False if the log has certainly not stored an event that is `retry`. Undefined: unknown. */
  readonly mayBeStored?: boolean;
}
