import type { StoredEvent } from '../event/stored-event.ts';

/** One event on its way to one destination. */
export interface Delivery {
  /** Its place in the stream it was delivered from. */
  readonly sequence: number;
  /** From 1. */
  readonly attempt: number;
  /** The ProtoJSON of `headgate.v1.StoredEvent`, as the log holds it. */
  readonly payload: Uint8Array;
  /** The payload decoded; decoded once, on the first call. Throws where the payload is none. */
  readonly event: () => StoredEvent;
}

/**
 * What became of one event.
 *
 * `retry` says whose fault it is: `destination` (refused, timed out, 5xx, 429) or `event` (it alone
 * was refused). `notBeforeMs` is the least delay that the destination asked for (Retry-After).
 * `dead`: no retry can help. `status` is the destination's own word, where it has one: `503`.
 */
export type Outcome =
  | { readonly kind: 'delivered' }
  | {
      readonly kind: 'retry';
      readonly fault: 'destination' | 'event';
      readonly reason: string;
      readonly status?: string;
      readonly notBeforeMs?: number;
    }
  | { readonly kind: 'dead'; readonly reason: string; readonly status?: string };

export const delivered: Outcome = { kind: 'delivered' };

/** From `fromMs` up to but not including `toMs`: Unix times in ms, of the server's `timestamp`. */
export interface TimeWindow {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What a destination says of an event that it holds. */
export interface EventAtDestination {
  readonly eventId: string;
  readonly eventName: string;
  /** RFC 3339, UTC, milliseconds: the server's. */
  readonly timestamp: string;
}

/**
 * Where events go.
 *
 * `deliver` takes a batch in the order of the log and answers one outcome per event, in the same
 * order and number. It is called for one batch at a time unless `concurrency` says more. A throw is
 * a bug or an unknown, and counts as `retry` of the whole batch with fault `destination`.
 *
 * Delivery is at least once: after a crash an event that had arrived comes again. A destination
 * refuses the second copy by `event_id`, or its documentation says that it cannot.
 */
export interface Destination {
  /** The most events that one call of `deliver` takes. */
  readonly batchEventsMax: number;
  /** How many calls of `deliver` may run at once. */
  readonly concurrency: number;
  deliver(batch: readonly Delivery[], signal: AbortSignal): Promise<Outcome[]>;
  /**
   * Reads what it holds of a window of time, each event as often as it holds it, in no order. Only
   * reads, and holds no more than a page of it in memory. Throws where it cannot be asked just now.
   * What arrives meanwhile may be among it or not. Left out: it cannot be asked.
   */
  stored?(window: TimeWindow): AsyncIterable<EventAtDestination>;
  /**
   * Why it wants nothing more until it is opened anew; undefined while that is not so. Its events are
   * answered with `retry` all the same, and wait. Left out: it never says so.
   */
  disabled?(): string | undefined;
  /** Waits for what is under way, then lets go of everything. Safe to call twice. */
  close(): Promise<void>;
}

/** A setting of a destination type, in the words of `headgate.yaml`. */
export interface DestinationSetting {
  readonly type:
    | 'string'
    | 'secret'
    | 'path'
    | 'url'
    | 'boolean'
    | 'integer'
    | 'duration'
    | 'bytes';
  /** Left out: the setting is required. `null`: it may be absent. */
  readonly default?: string | number | boolean | null;
  /** Bounds of a number, in the file's words: `256`, `'100ms'`, `'1MiB'`. */
  readonly min?: string | number;
  readonly max?: string | number;
  readonly text: string;
}

/** Values of the settings after reading: durations in milliseconds, bytes as numbers. */
export type DestinationSettings = Readonly<Record<string, string | number | boolean | null>>;

/** One type of destination: what the registry holds. */
export interface DestinationType {
  /** The word in `type:`. */
  readonly type: string;
  readonly settings: Readonly<Record<string, DestinationSetting>>;
  /**
   * Its text, where the type also takes a map `options` of any names. Their values are text, numbers
   * and booleans, and come to `create` under `options.<name>`; text among them is masked as a secret.
   */
  readonly options?: string;
  /** Opens it. Throws a StartError that says what the operator must fix. */
  create(name: string, settings: DestinationSettings): Promise<Destination>;
}
