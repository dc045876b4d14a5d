import type { Log } from '../jetstream/log.ts';
import { boundsOf, readMatching, type StoredMessage } from '../jetstream/read/read.ts';

/** What one look at a stream finds. */
export type Followed =
  | { readonly kind: 'message'; readonly message: StoredMessage }
  /** How many messages are skipped, because they came faster than they were read. */
  | { readonly kind: 'leftOut'; readonly count: number };

export interface FollowOptions {
  readonly log: Log;
  readonly stream: 'EVENTS' | 'REJECTED';
  /** May hold wildcards: what the server picks costs nothing here. */
  readonly subject: string;
  readonly isWanted: (message: StoredMessage) => boolean;
}

/** Yielded by one look at most: four looks a second are a thousand events, more than anyone reads. */
const yieldedMax = 250;
/** Read by one look at most, to find those: most messages may have other names. */
const lookedAtMax = 2_000;
/** A follower that is further behind than two looks does not catch up: it skips to near the end. */
const behindMax = 2 * lookedAtMax;
/** How many of the newest messages it then still reads: they matter most to a subscriber. */
const keptMax = 100;

/** Follows what a stream takes from now on. */
export interface Follower {
  /** Looks once. A slow reader slows the reads down: only one page is in memory. */
  look(): AsyncGenerator<Followed>;
}

/**
 * By direct reads: the log keeps no consumer for subscribers, and one that leaves leaves nothing behind.
 */
export async function followStream(options: FollowOptions): Promise<Follower> {
  const { log, stream, subject, isWanted } = options;
  let { last } = await boundsOf(log, stream);
  let next = last + 1;

  async function* look(): AsyncGenerator<Followed> {
    // In a cluster any replica may answer a read, a moment late. So if nothing is found, only what was
    // there at the look before counts as read.
    const lastBefore = last;
    ({ last } = await boundsOf(log, stream));
    // The stream was made anew.
    if (last < next - 1) next = last + 1;
    if (last - next >= behindMax) {
      const from = last - keptMax + 1;
      yield { kind: 'leftOut', count: from - next };
      next = from;
    }
    if (last < next) return;
    let [lookedAt, yielded] = [0, 0];
    for await (const message of readMatching(log, stream, subject, next)) {
      next = message.sequence + 1;
      if (isWanted(message)) {
        yielded += 1;
        yield { kind: 'message', message };
      }
      lookedAt += 1;
      if (yielded === yieldedMax || lookedAt === lookedAtMax) return;
    }
    next = Math.max(next, lastBefore + 1);
  }

  return { look };
}
