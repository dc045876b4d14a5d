import type { ContractsInForce, EventContract } from '../event/contracts/event-contract.ts';
import type { StoredEvent } from '../event/stored-event.ts';
import type { Archive } from './archive.ts';
import type { TablesLocation } from './tables/dbt/tables-location.ts';

/** One event on its way to one destination. */
export interface Delivery {
  /** Its sequence number in the stream it was delivered from. */
  readonly sequence: number;
  /** Counts from 1. */
  readonly attempt: number;
  /** The ProtoJSON of `headgate.v1.StoredEvent`, as the log holds it. */
  readonly payload: Uint8Array;
  /**
   * The decoded payload, decoded on the first call. Its numbers are doubles: only `payload` has all digits
   * of ids beyond 2^53. Throws if the payload is not an event.
   */
  readonly event: () => StoredEvent;
}

/**
 * The result of delivering one event.
 *
 * `retry` says what caused it: `destination` (refused, timed out, 5xx, 429), `event` (only this event
 * was refused) or `source` (the destination takes no more of its source now, and events of others: no attempt
 * is spent). `notBeforeMs` is the minimum delay that the destination asked for (Retry-After).
 * `dead`: no retry can help. `status` is the status that the destination returned, if any: `503`.
 */
export type Outcome =
  | { readonly kind: 'delivered' }
  | {
      readonly kind: 'retry';
      readonly fault: 'destination' | 'event' | 'source';
      readonly reason: string;
      readonly status?: string;
      readonly notBeforeMs?: number;
    }
  | { readonly kind: 'dead'; readonly reason: string; readonly status?: string };

export const delivered: Outcome = { kind: 'delivered' };

/** Why events of an aborted call come again. */
export const stoppedText = 'the delivery was stopped';
export const stopped: Outcome = { kind: 'retry', fault: 'destination', reason: stoppedText };

/** From `fromMs` up to but not including `toMs`: Unix times in ms, of the server's `timestamp`. */
export interface TimeWindow {
  readonly fromMs: number;
  readonly toMs: number;
  /** Whether `deliveredAt` is wanted, which costs a column. */
  readonly withDeliveryTime?: boolean;
}

/** An event that a destination holds, as the destination reports it. */
export interface EventAtDestination {
  readonly eventId: string;
  readonly eventName: string;
  /** The server's time: RFC 3339, UTC, milliseconds. */
  readonly timestamp: string;
  /**
   * When the destination stored the event, by its own clock: RFC 3339. Only for a window
   * `withDeliveryTime`, and left out by a destination that does not record it.
   */
  readonly deliveredAt?: string;
}

/**
 * A destination that events are delivered to.
 *
 * `deliver` takes a batch in the order of the log and returns one outcome per event, in the same
 * order and number. It runs for one batch at a time unless `concurrency` allows more. A throw is
 * a bug or an unknown error, and counts as `retry` of the whole batch with fault `destination`.
 *
 * Delivery is at least once: after a crash, an event that had arrived is delivered again. A destination
 * refuses the second copy by `event_id`, or its documentation says that it cannot.
 */
export interface Destination {
  /** The most events that one call of `deliver` takes. */
  readonly batchEventsMax: number;
  /**
   * The same while the process takes events. Leave it out unless larger calls bring little: their events are
   * settled together, and 8,000 hold up the event loop for 15 ms.
   */
  readonly besideIntakeEventsMax?: number;
  /**
   * While another call runs, a call that is not full waits so long for more events, as long as more arrive: for a far side that
   * pays by the call.
   * Without it, a call takes what has arrived.
   */
  readonly fullCallWaitMs?: number;
  /** How many events a worker holds for it at most. Leave it out unless calls have to be large. */
  readonly heldEventsMax?: number;
  /** How many calls of `deliver` may run at once. */
  readonly concurrency: number;
  deliver(batch: readonly Delivery[], signal: AbortSignal): Promise<Outcome[]>;
  /**
   * Reads the events that it holds in a time window, each as often as it holds it, in any order.
   * Only reads, and keeps at most one page in memory. Throws if the destination does not answer
   * now.
   * Events that arrive meanwhile may be included or not. Leave it out if the destination cannot be asked.
   */
  stored?(window: TimeWindow): AsyncIterable<EventAtDestination>;
  /**
   * Why it accepts no more events until it is opened again. Undefined while it accepts events. Its
   * events are still answered with `retry`, and wait. Leave it out if the destination never does this.
   */
  disabled?(): string | undefined;
  /**
   * What keeps it from passing on events that it has accepted, such as files that cannot be uploaded. Undefined
   * while nothing does. It is shown as parked from then on, also while no event comes. Leave it out if it
   * accepts events only once they are where they belong.
   */
  trouble?(): string | undefined;
  /** Waits for calls in progress, then releases all resources. Safe to call twice. */
  close(): Promise<void>;
}

/** The request that a destination would send for an event, without credentials; or why it has none. */
export type PreviewedRequest =
  | { readonly method: string; readonly url: string; readonly body: string }
  | { readonly fault: string };

/** Makes requests of events, and sends nothing. */
export interface RequestPreview {
  of(delivery: Delivery): Promise<PreviewedRequest>;
  close(): Promise<void>;
}

/** A setting of a destination type, as `headgate.yaml` has it. */
export interface DestinationSetting {
  readonly type:
    | 'string'
    | 'secret'
    | 'path'
    | 'url'
    | 'boolean'
    | 'integer'
    | 'duration'
    | 'bytes'
    /** One of `options`. */
    | 'enum';
  /** Leave it out if the setting is required. `null` if it may be absent. */
  readonly default?: string | number | boolean | null;
  /** The values of an `enum`. */
  readonly options?: readonly string[];
  /** Bounds of a number, written as in the file: `256`, `'100ms'`, `'1MiB'`. */
  readonly min?: string | number;
  readonly max?: string | number;
  /** A file or folder that Headgate makes if it is missing. */
  readonly isMade?: boolean;
  /** A folder that says by event id what the destination has. No two destinations may have the same. */
  readonly isOwn?: boolean;
  readonly text: string;
}

/** The values of the settings: durations in milliseconds, sizes in bytes. */
export type DestinationSettings = Readonly<Record<string, string | number | boolean | null>>;

/** What a destination would do to one of its tables. */
export interface TableStatements {
  readonly table: string;
  /** Undefined for events without a contract. */
  readonly event: string | undefined;
  /** SQL. Where the tables are files, comments of SQL. */
  readonly statements: readonly string[];
  /** Columns whose names do not say which property they hold, with its JSON pointer. */
  readonly renamed: readonly { readonly column: string; readonly property: string }[];
  /** Properties that get no column, because the table has as many as it can have. */
  readonly left: number;
  /** Why the table cannot take events as it is. */
  readonly fault?: string;
}

/** What a destination would do to its tables. */
export interface TablesPreview {
  /** Why the tables could not be read: then the statements are those for an empty database. */
  readonly unread?: string;
  readonly tables: readonly TableStatements[];
}

/** What the service knows and a destination may need. */
export interface DestinationContext {
  /** For tables with typed columns. */
  readonly contracts: ContractsInForce;
}

/** One type of destination: an entry of the registry. */
export interface DestinationType {
  /** The value of `type:`. */
  readonly type: string;
  /**
   * What becomes of an event that the destination already has, as its page says: a sentence that
   * people read before they send events again.
   */
  readonly secondCopies: string;
  readonly settings: Readonly<Record<string, DestinationSetting>>;
  /**
   * Where a new destination of this type starts if its `from` is not set. `earliest` for what stores
   * events; `now`, the default, for what causes an effect outside.
   */
  readonly startsFrom?: 'earliest' | 'now';
  /**
   * The documentation of `options`, if the type accepts a map of options with any names. Values are
   * text, numbers and booleans. `create` gets them as `options.<name>`. Text values are masked as secrets.
   */
  readonly options?: string;
  /**
   * For `headgate transform try`, where the operator says what a request is. Throws a StartError that says
   * what to fix.
   */
  preview?(name: string, settings: DestinationSettings): Promise<RequestPreview>;
  /**
   * Opens what the destination has stored, if it can be read back from objects or files. Throws a
   * StartError.
   */
  openArchive?(name: string, settings: DestinationSettings): Promise<Archive>;
  /**
   * For `headgate tables plan`: what contracts would do to its tables. Changes nothing. Undefined if
   * `tables` does not ask for tables of events.
   */
  previewTables?(
    name: string,
    settings: DestinationSettings,
    contracts: readonly EventContract[],
  ): Promise<TablesPreview | undefined>;
  /**
   * For `headgate schemas docs --format dbt`: where others find its tables of events. Undefined if `tables`
   * does not ask for them.
   */
  locateTables?(name: string, settings: DestinationSettings): Promise<TablesLocation | undefined>;
  /**
   * Opens the destination. Throws a StartError that says what the operator must fix.
   *
   * @param context left out where the destination is only read.
   */
  create(
    name: string,
    settings: DestinationSettings,
    context?: DestinationContext,
  ): Promise<Destination>;
}
