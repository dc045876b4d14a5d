import { partitionOf } from '../jetstream/events/event-position.ts';
import { createReadPositions, type EventRanges } from '../jetstream/events/event-ranges.ts';
import { lengthOf, type Range } from '../jetstream/events/ranges.ts';
import type { Log } from '../jetstream/log.ts';
import type { StoredMessage } from '../jetstream/read/read.ts';
import { findRanges, readInOrder } from '../jetstream/read/read-ranges.ts';

/** A result of one poll of a stream. */
export type Followed =
  | { readonly kind: 'message'; readonly message: StoredMessage }
  /** The number of messages skipped because they arrived faster than they were read. */
  | { readonly kind: 'leftOut'; readonly count: number };

export interface FollowOptions {
  readonly log: Log;
  readonly stream: 'EVENTS' | 'REJECTED';
  /** May hold wildcards. Filtering on the server costs nothing here. */
  readonly subject: string;
  readonly isWanted: (message: StoredMessage) => boolean;
}

/**
 * Events that one poll yields at most. Four polls a second give 1,000, more than a person can read.
 */
const yieldedMax = 250;
/** Messages that one poll reads at most to find these events: most may not match the filter. */
const readMax = 2_000;
/** A follower that lags by more than two polls cannot catch up. It skips to near the end. */
const lagMax = 2 * readMax;
/** How many of the newest messages it reads after a skip: they matter most to a subscriber. */
const keptMax = 100;

/** Follows the new messages of a stream. */
export interface Follower {
  /** Reads new messages once. A slow reader slows the reads: only one page is in memory. */
  poll(): AsyncGenerator<Followed>;
}

/**
 * Follows a stream by direct reads. The log keeps no consumers for subscribers, so nothing remains
 * when a subscriber leaves. Rejects when the log cannot be reached.
 */
export async function followStream(options: FollowOptions): Promise<Follower> {
  const { log, stream, subject, isWanted } = options;
  const read = createReadPositions();
  let held = await findRanges(log, stream);
  for (const { to } of held) read.pass(to);

  async function* poll(): AsyncGenerator<Followed> {
    const before = held;
    held = await findRanges(log, stream);
    for (const { to } of recreated(before, held)) read.pass(to);
    let ranges = read.restOf(held);
    const waiting = lengthOf(ranges);
    if (waiting > lagMax) {
      const kept = Math.ceil(keptMax / ranges.length);
      ranges = ranges.map(({ from, to }) => ({ from: Math.max(from, to - kept + 1), to }));
      for (const { from } of ranges) read.pass(from - 1);
      yield { kind: 'leftOut', count: waiting - lengthOf(ranges) };
    }
    let [seen, yielded] = [0, 0];
    for await (const message of readInOrder(log, stream, [subject], ranges)) {
      read.pass(message.sequence);
      if (isWanted(message)) {
        yielded += 1;
        yield { kind: 'message', message };
      }
      seen += 1;
      if (yielded === yieldedMax || seen === readMax) return;
    }
    // In a cluster any replica may answer a read, and it may lag. So of what was not found, only the
    // messages that existed at the previous poll count as read.
    for (const { from, to } of read.restOf(before)) if (from <= to) read.pass(to);
  }

  return { poll };
}

/** What ends earlier than before: that stream was deleted, and created again. */
function recreated(before: EventRanges, now: EventRanges): Range[] {
  const last = new Map(before.map(({ from, to }) => [partitionOf(from), to]));
  return now.filter(({ from, to }) => to < (last.get(partitionOf(from)) ?? 0));
}
