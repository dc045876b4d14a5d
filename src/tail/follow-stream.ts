import type { Log } from '../jetstream/log.ts';
import { boundsOf, readMatching, type StoredMessage } from '../jetstream/read/read.ts';

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
  let { last } = await boundsOf(log, stream);
  let next = last + 1;

  async function* poll(): AsyncGenerator<Followed> {
    // In a cluster any replica may answer a read, and it may lag. So if a poll finds nothing, only
    // the messages that existed at the previous poll count as read.
    const lastBefore = last;
    ({ last } = await boundsOf(log, stream));
    // The stream was deleted and created again.
    if (last < next - 1) next = last + 1;
    if (last - next >= lagMax) {
      const from = last - keptMax + 1;
      yield { kind: 'leftOut', count: from - next };
      next = from;
    }
    if (last < next) return;
    let [read, yielded] = [0, 0];
    for await (const message of readMatching(log, stream, subject, next)) {
      next = message.sequence + 1;
      if (isWanted(message)) {
        yielded += 1;
        yield { kind: 'message', message };
      }
      read += 1;
      if (yielded === yieldedMax || read === readMax) return;
    }
    next = Math.max(next, lastBefore + 1);
  }

  return { poll };
}
