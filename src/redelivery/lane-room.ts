import { readLanePosition } from '../jetstream/consume/lane/lane-consumer.ts';
import {
  deleteLaneCopies,
  lastLaneCopy,
  readReplayRoom,
} from '../jetstream/consume/lane/lane-copies.ts';
import type { Log } from '../jetstream/log.ts';

/** The copies of a job in REPLAY that are not settled yet: few, so that others find room there. */
export interface LaneRoom {
  /**
   * Reads how many are not settled. Copies that were stored just now may be missing from the number.
   * Rejects when the log cannot be reached.
   */
  readWaiting(): Promise<number>;
  /**
   * Whether all copies that REPLAY holds are settled, also those that another process stored.
   * Rejects when the log cannot be reached.
   */
  isSettled(): Promise<boolean>;
  /** Whether so many more events and bytes may be stored, by the last reading. */
  hasRoomFor(events: number, bytes: number): boolean;
  /** Notes copies that were stored, by the position of the last. */
  note(last: number, events: number, bytes: number): void;
  /** The position in REPLAY before which all copies were settled at the last reading. */
  readonly settledBefore: () => number;
  /** Deletes the copies before a position. Rejects when the log cannot be reached. */
  deleteBefore(position: number): Promise<void>;
}

/** Twice what a worker holds of them, so that it never waits for the next. */
export const laneEventsMax = 1_024;
const laneBytesMax = 16 * 1024 * 1024;
/** REPLAY is also where dead letters are replayed. */
const replayShareMax = 1 / 8;

/** Rejects when the log cannot be reached. */
export async function createLaneRoom(log: Log, destination: string): Promise<LaneRoom> {
  const { bytesMax } = await readReplayRoom(log);
  const most = Math.min(laneBytesMax, Math.floor(bytesMax * replayShareMax));
  let stored: { readonly last: number; readonly bytes: number }[] = [];
  let waiting = 0;
  let settledUpTo = 0;
  const bytes = (): number => stored.reduce((sum, one) => sum + one.bytes, 0);
  const readWaiting = async (): Promise<number> => {
    const position = await readLanePosition(log, destination);
    if (position === undefined) throw new Error('the consumer of the redelivery was deleted');
    ({ settledUpTo } = position);
    stored = stored.filter(({ last }) => last > settledUpTo);
    waiting = position.inWork + position.waiting;
    // The position of a consumer without work may lag behind.
    if (waiting === 0) stored = [];
    return waiting;
  };
  return {
    readWaiting,
    // NATS acknowledges a copy before the consumer counts it, and on a cluster the consumer's leader
    // may be behind the stream's: with nothing to count, only the positions tell.
    isSettled: async () =>
      (await readWaiting()) === 0 && (await lastLaneCopy(log, destination)) <= settledUpTo,
    hasRoomFor: (events, more) =>
      waiting === 0 || (waiting + events <= laneEventsMax && bytes() + more <= most),
    note: (last, events, more) => {
      stored.push({ last, bytes: more });
      waiting += events;
    },
    settledBefore: () => settledUpTo + 1,
    deleteBefore: (position) => deleteLaneCopies(log, destination, position),
  };
}
