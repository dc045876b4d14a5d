import type { Log } from '../jetstream/log.ts';
import { boundsOf, readMatching, type StoredMessage } from '../jetstream/read/read.ts';

/** What one look at a stream brings. */
export type Followed =
  | { readonly kind: 'message'; readonly message: StoredMessage }
  /** So many were stored and are passed over, because they came faster than they were taken. */
  | { readonly kind: 'leftOut'; readonly count: number };

export interface FollowOptions {
  readonly log: Log;
  readonly stream: 'EVENTS' | 'REJECTED';
  /** May hold wildcards: what the server picks costs nothing here. */
  readonly subject: string;
  readonly isWanted: (message: StoredMessage) => boolean;
}

/** Told of one look at most: four looks a second are a thousand events, more than anybody reads. */
const toldMax = 250;
/** Looked at, in one look, to find those: most may be of other names. */
const lookedAtMax = 2_000;
/** Further behind than two looks, one does not catch up: go on near the end, and say so. */
const behindMax = 2 * lookedAtMax;
/** Where to go on: the newest are worth most to somebody who watches. */
const keptMax = 100;

/** Follows what a stream takes from now on. */
export interface Follower {
  /** Looks once. What is taken slowly is read slowly: nothing is held but a page. */
  look(): AsyncGenerator<Followed>;
}

/**
 * By direct reads: the log keeps no consumer for who watches, and whoever goes leaves nothing behind.
 */
export async function followStream(options: FollowOptions): Promise<Follower> {
  const { log, stream, subject, isWanted } = options;
  let { last } = await boundsOf(log, stream);
  let next = last + 1;

  async function* look(): AsyncGenerator<Followed> {
    // Of a cluster any replica may answer a read, a moment late: only what was there at the look
    // before is taken for read where nothing is found.
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
    let [lookedAt, told] = [0, 0];
    for await (const message of readMatching(log, stream, subject, next)) {
      next = message.sequence + 1;
      if (isWanted(message)) {
        told += 1;
        yield { kind: 'message', message };
      }
      lookedAt += 1;
      if (told === toldMax || lookedAt === lookedAtMax) return;
    }
    next = Math.max(next, lastBefore + 1);
  }

  return { look };
}
