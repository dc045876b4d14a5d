import { setTimeout as sleep } from 'node:timers/promises';

import { ServiceError } from '../errors.ts';
import { logFailureOf } from '../jetstream/log-failure.ts';
import type { Log } from '../jetstream/log.ts';
import { openStreams, type TailedStream, type TailFilter } from './open-streams.ts';
import type { TailedEvent } from './tailed-event.ts';

/** What a subscriber gets, one after another. */
export type Tailed =
  /** First: what is stored from now on is seen. */
  | { readonly kind: 'started' }
  | { readonly kind: 'event'; readonly event: TailedEvent }
  /** So many messages were passed over: they came faster than they were taken. */
  | { readonly kind: 'leftOut'; readonly count: number };

/** Events as they come in. Costs nothing without subscribers. */
export interface Tail {
  /**
   * Follows the events that a filter means, until `signal` or `close` ends it. Throws a ServiceError
   * `too_many_subscribers`.
   */
  follow(filter: TailFilter, signal: AbortSignal): AsyncGenerator<Tailed>;
  /** Ends every subscription. */
  close(): void;
}

/** Each costs a few reads of the log a second. */
export const subscribersMax = 16;

/** How often a subscriber looks for what is new. */
const lookEveryMs = 250;
/** How soon after a look that the log did not answer. */
const retryMs = 1_000;

export function createTail(log: Log): Tail {
  const stopping = new AbortController();
  let subscribers = 0;

  async function* follow(filter: TailFilter, leaving: AbortSignal): AsyncGenerator<Tailed> {
    if (subscribers >= subscribersMax) {
      const text = `${subscribersMax} watch already, which is the most.`;
      throw new ServiceError('too_many_subscribers', text);
    }
    subscribers += 1;
    const signal = AbortSignal.any([leaving, stopping.signal]);
    try {
      const streams = await openStreams(log, filter);
      yield { kind: 'started' };
      while (!signal.aborted) {
        const startedAt = performance.now();
        let waitMs = lookEveryMs;
        try {
          for (const stream of streams) yield* look(stream);
        } catch (error) {
          if (logFailureOf(error) === undefined) throw error;
          // Followers keep their place: what comes meanwhile is shown when the log answers again.
          waitMs = retryMs;
        }
        const leftMs = waitMs - (performance.now() - startedAt);
        await sleep(Math.max(0, leftMs), undefined, { signal }).catch(() => {});
      }
    } finally {
      subscribers -= 1;
    }
  }
  return { follow, close: () => stopping.abort() };
}

async function* look({ follower, read }: TailedStream): AsyncGenerator<Tailed> {
  for await (const followed of follower.look()) {
    if (followed.kind === 'leftOut') yield followed;
    else yield { kind: 'event', event: read(followed.message) };
  }
}
