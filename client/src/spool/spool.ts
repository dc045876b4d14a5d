/** What happens to a new event when the spool, or its disk, has no room for it. */
export type WhenFull =
  /** `track()` fails with `spool_full`. */
  | 'reject'
  /** `track()` waits until there is room. */
  | 'block'
  /** The oldest events that wait are given up to make room, counted and told. */
  | 'drop-oldest';

/** A run of events that were read together, and how many of them still wait for a verdict. */
export interface SpoolRange {
  open: number;
  /** Where the next range begins. */
  readonly end: SpoolPosition;
}

/** A place between two events. */
export interface SpoolPosition {
  /** How many events were ever put into the spool before this place. */
  readonly ordinal: number;
  /** The first ordinal of the segment file, and a byte in it; 0 and 0 in memory. */
  readonly segment: number;
  readonly offset: number;
}

export interface SpoolBatch {
  /** Each an event with its length before it, as a batch on the wire holds it. */
  readonly records: readonly Buffer[];
  readonly range: SpoolRange;
}

/** Events that were lost, or refused, and why. Reported, never silent. */
export interface SpoolSignals {
  /** Events that will not be sent. `stored`: they were in the spool, and counted as waiting. */
  dropped(count: number, reason: DropReason, message: string, stored: boolean): void;
  trouble(message: string, cause: unknown): void;
  /** A segment has bytes that are no events; what is whole in it is sent all the same. */
  damaged(file: string, offset: number, bytes: number): void;
  /** There is more to read. */
  readable(): void;
}

export type DropReason = 'spool_full' | 'damaged' | 'closed';

/**
 * Keeps events between `track()` and their verdict. One reader takes them in order; a range is
 * forgotten when all of its events are settled and all ranges before it are.
 */
export interface Spool {
  /** Resolves with the number of events that an earlier run left. */
  open(): Promise<number>;
  /**
   * Takes a copy of `payload`, and resolves with `receipt` when it is safe. Rejects with
   * HeadgateError: then the event is not in the spool.
   */
  append<Receipt>(payload: Buffer, receipt: Receipt): Promise<Receipt>;
  /** Resolves when every append of before has ended, well or not. */
  appended(): Promise<void>;
  /** How many events read() could give now. */
  readonly unread: number;
  /** The ordinal of the next event, and the one before which all are settled. */
  readonly next: number;
  readonly settled: number;
  readonly bytes: number;
  /** At least one event, or undefined: there is none. One call at a time. */
  read(eventsMax: number, bytesMax: number, overheadBytes: number): Promise<SpoolBatch | undefined>;
  settle(range: SpoolRange, count: number): void;
  /** Takes no more appends, and lets go of what it holds. On disk, what is not settled stays. */
  close(): Promise<void>;
}
