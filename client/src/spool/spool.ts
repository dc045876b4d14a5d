/**
 * When track() resolves.
 *
 * `always`: after a sync of the disk, shared by all calls that wait for one. The event survives a
 * power cut. `interval`: after the write. The event survives the end of the process; a power cut
 * loses at most the events since the last sync. `none`: like `interval`, but only the operating
 * system syncs.
 */
export type Fsync = 'always' | 'interval' | 'none';

/** What happens to a new event when the spool, or its disk, has no room for it. */
export type WhenFull =
  /** `track()` fails with `spool_full`. */
  | 'reject'
  /** `track()` waits until there is room. */
  | 'block'
  /** The oldest waiting events are dropped to make room, counted and reported. */
  | 'drop-oldest';

/** A sequence of events that were read together. */
export interface SpoolRange {
  /** How many of them still wait for a verdict. */
  open: number;
  /** Where the next range begins. */
  readonly end: SpoolPosition;
}

/** A position between two events. */
export interface SpoolPosition {
  /** The number of events ever stored in the spool before this position. */
  readonly ordinal: number;
  /** The first ordinal of the segment file; 0 in memory. */
  readonly segment: number;
  /** A byte offset in the segment file; 0 in memory. */
  readonly offset: number;
}

export interface SpoolBatch {
  /** Each record is an event with its length prefix, as in a batch in wire format. */
  readonly records: readonly Buffer[];
  readonly range: SpoolRange;
}

/** What a spool reports: every event that it loses or refuses, and why. */
export interface SpoolSignals {
  /** Events that will not be sent. `stored`: they were in the spool, and counted as waiting. */
  dropped(count: number, reason: DropReason, message: string, stored: boolean): void;
  trouble(message: string, cause: unknown): void;
  /** A segment has bytes that are not events. Its intact events are sent. */
  damaged(file: string, offset: number, bytes: number): void;
  /** New events can be read. */
  readable(): void;
}

export type DropReason = 'spool_full' | 'damaged' | 'missing' | 'closed';

/**
 * Stores events between `track()` and their verdict. One reader reads them in order. A range is
 * deleted when all its events and all ranges before it are settled.
 */
export interface Spool {
  /** Resolves with the number of events that an earlier run left. */
  open(): Promise<number>;
  /**
   * Copies `payload`, and resolves with `receipt` when the event is stored. If it rejects with
   * HeadgateError, the event is not in the spool.
   */
  append<Receipt>(payload: Buffer, receipt: Receipt): Promise<Receipt>;
  /** Resolves when all earlier appends have ended, successfully or not. */
  appended(): Promise<void>;
  /** How many events read() could return now. */
  readonly unread: number;
  /** The ordinal of the next event. */
  readonly next: number;
  /** The ordinal before which all events are settled. */
  readonly settled: number;
  readonly bytes: number;
  /** How many settled events it still has, because an earlier one is not settled. */
  readonly pinned: number;
  /** Less than half of its room is free. */
  readonly isShort: boolean;
  /**
   * Stores events that were read at the end, so that their old places can be settled. Syncs the
   * disk, and may use a little more than all of the room. False if they are not stored.
   */
  appendAgain(records: readonly Buffer[]): Promise<boolean>;
  /** Returns at least one event, or undefined if there is none. Only one call at a time. */
  read(eventsMax: number, bytesMax: number, overheadBytes: number): Promise<SpoolBatch | undefined>;
  settle(range: SpoolRange, count: number): void;
  /** Accepts no more appends and releases all resources. Unsettled events on disk stay there. */
  close(): Promise<void>;
}

export interface DiskSpoolOptions {
  readonly directory: string;
  /** Limit for all segments together. */
  readonly bytesMax: number;
  readonly fsync: Fsync;
  readonly fsyncIntervalMs: number;
  readonly whenFull: WhenFull;
  /**
   * Limit of the events that wait in memory for their write. Beyond it, append() always refuses.
   */
  readonly unwrittenBytesMax: number;
}
