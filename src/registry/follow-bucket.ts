import { setTimeout as sleep } from 'node:timers/promises';

import { ReadTimeoutError } from '../jetstream/log-failure.ts';
import type { BucketEntry, SchemaBucket } from '../jetstream/schema-bucket.ts';
import type { Signals } from '../observability/signals.ts';
import { formatFault } from '../validation/registry-fault.ts';
import type { SchemaRegistry } from '../validation/schema-registry.ts';
import type { RegistryContents } from './contents.ts';

/** Keeps the registry of this process up to date with the bucket. */
export interface BucketFollower {
  /**
   * Reads everything written so far. Rejects while NATS is unreachable; a later call catches up.
   */
  refresh(): Promise<void>;
  start(): void;
  stop(): Promise<void>;
}

export interface BucketFollowerOptions {
  readonly bucket: SchemaBucket;
  readonly contents: RegistryContents;
  readonly signals: Pick<Signals, 'registryFollowed' | 'registryFault' | 'registryAway'>;
  /** Called with the registry after each change. */
  readonly onChange: (registry: SchemaRegistry) => void;
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
async function readAfter(bucket: SchemaBucket, revision: number): Promise<BucketEntry[]> {
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
  const { bucket, contents, signals } = options;
  const stopping = new AbortController();
  let reported = new Set<string>();
  let running: Promise<void> = Promise.resolve();
  let polling: Promise<void> = Promise.resolve();

  const reportFaults = (): void => {
    const faults = contents.faults().map(formatFault);
    for (const fault of faults) if (!reported.has(fault)) signals.registryFault(fault);
    reported = new Set(faults);
  };

  const follow = async (): Promise<void> => {
    const before = contents.registry();
    await contents.apply(await readAfter(bucket, contents.revision()));
    if (contents.registry() !== before) options.onChange(contents.registry());
    reportFaults();
    signals.registryFollowed(contents.revision(), reported.size);
  };

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
        if (!away && !stopping.signal.aborted) signals.registryAway(error);
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
