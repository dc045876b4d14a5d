import { setTimeout as sleep } from 'node:timers/promises';

import { ReadTimeoutError } from '../log-failure.ts';
import type { Bucket, BucketEntry } from './bucket.ts';

/** Keeps what this process knows of a bucket up to date. */
export interface BucketFollower {
  /**
   * Reads everything written so far. Rejects while NATS is unreachable; a later call catches up.
   */
  refresh(): Promise<void>;
  start(): void;
  stop(): Promise<void>;
}

export interface BucketFollowerOptions {
  readonly bucket: Pick<Bucket, 'readAfter'>;
  /** The newest revision that is applied; the next reading begins after it. */
  readonly revision: () => number;
  /** Takes what a reading found, oldest first. Called after every reading, also an empty one. */
  readonly apply: (entries: readonly BucketEntry[]) => Promise<void> | void;
  /** Called once per outage. */
  readonly onAway: (error: unknown) => void;
}

/**
 * A quarter of the second within which every gate must have a change. Polling costs one small
 * request per process; it is cheaper than a consumer that has to be kept alive, and cannot miss a
 * change.
 */
const pollIntervalMs = 250;
/** A request that runs when the connection breaks may otherwise stay unanswered for longer. */
const silenceMsMax = 1_000;

/**
 * Reads all revisions after `revision`. Rejects if the bucket is silent for too long; revisions
 * that arrive later are dropped and read again.
 */
async function readAfter(
  bucket: BucketFollowerOptions['bucket'],
  revision: number,
): Promise<BucketEntry[]> {
  const silent = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => silent.reject(new ReadTimeoutError(`the bucket did not answer for ${silenceMsMax} ms`)),
    silenceMsMax,
  );
  const read = async (): Promise<BucketEntry[]> => {
    const entries: BucketEntry[] = [];
    for await (const entry of bucket.readAfter(revision)) {
      timer.refresh();
      entries.push(entry);
    }
    return entries;
  };
  try {
    return await Promise.race([read(), silent.promise]);
  } finally {
    clearTimeout(timer);
  }
}

export function createBucketFollower(options: BucketFollowerOptions): BucketFollower {
  const { bucket, revision, apply, onAway } = options;
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();
  let polling: Promise<void> = Promise.resolve();

  const follow = async (): Promise<void> => apply(await readAfter(bucket, revision()));

  /** Runs one at a time, so that a revision is applied once. */
  const refresh = (): Promise<void> => {
    running = running.catch(() => {}).then(follow);
    return running;
  };

  const poll = async (): Promise<void> => {
    let away = false;
    while (!stopping.signal.aborted) {
      await sleep(pollIntervalMs, undefined, { signal: stopping.signal }).catch(() => {});
      if (stopping.signal.aborted) return;
      try {
        await refresh();
        away = false;
      } catch (error) {
        // Log one line per outage.
        if (!away && !stopping.signal.aborted) onAway(error);
        away = true;
      }
    }
  };

  return {
    refresh,
    start: () => {
      polling = poll();
    },
    stop: async () => {
      stopping.abort();
      await polling;
    },
  };
}
