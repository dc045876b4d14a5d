import { setTimeout as sleep } from 'node:timers/promises';

import { ServiceError } from '../errors.ts';
import { logFailureOf } from '../jetstream/log-failure.ts';
import type { Log } from '../jetstream/log.ts';
import type { IsOfPerson } from '../quarantine/rejected-person.ts';
import { openStreams, type TailedStream, type TailFilter } from './open-streams.ts';
import type { TailedEvent } from './tailed-event.ts';

/** An item that a subscriber receives. */
export type Tailed =
  /** The first item. The subscriber sees every event that is stored from now on. */
  | { readonly kind: 'started' }
  | { readonly kind: 'event'; readonly event: TailedEvent }
  /** The number of messages skipped because they arrived faster than the subscriber read them. */
  | { readonly kind: 'leftOut'; readonly count: number };

/** Streams new events to subscribers. Costs nothing without subscribers. */
export interface Tail {
  /**
   * Follows the events that match a filter, until `signal` aborts or `close` is called. Throws a
   * ServiceError `too_many_subscribers` above `subscribersMax`.
   */
  follow(filter: TailFilter, signal: AbortSignal): AsyncGenerator<Tailed>;
  /** Ends every subscription. */
  close(): void;
}

/** Each subscriber costs a few reads of the log a second. */
export const subscribersMax = 16;

/** How often the log is polled for new events. */
const pollIntervalMs = 250;
/** The delay after a poll that the log did not answer. */
const retryMs = 1_000;

export function createTail(log: Log, isOfPerson: IsOfPerson): Tail {
  const stopping = new AbortController();
  let subscribers = 0;

  async function* follow(filter: TailFilter, subscriber: AbortSignal): AsyncGenerator<Tailed> {
    if (subscribers >= subscribersMax) {
      const text = `${subscribersMax} callers already follow the events, which is the maximum.`;
      throw new ServiceError('too_many_subscribers', text);
    }
    subscribers += 1;
    const signal = AbortSignal.any([subscriber, stopping.signal]);
    try {
      const streams = await openStreams(log, filter, isOfPerson);
      yield { kind: 'started' };
      while (!signal.aborted) {
        const startedAt = performance.now();
        let waitMs = pollIntervalMs;
        try {
          for (const stream of streams) yield* poll(stream);
        } catch (error) {
          if (logFailureOf(error) === undefined) throw error;
          // Followers keep their position and continue when the log answers again.
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

async function* poll({ follower, read }: TailedStream): AsyncGenerator<Tailed> {
  for await (const followed of follower.poll()) {
    if (followed.kind === 'leftOut') yield followed;
    else yield { kind: 'event', event: read(followed.message) };
  }
}
