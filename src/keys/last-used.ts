import { setTimeout as sleep } from 'node:timers/promises';

import type { Bucket } from '../jetstream/bucket/bucket.ts';
import type { KeyContents } from './contents.ts';
import { usedEntry } from './stored-key.ts';

/** Writes when keys were last used, to the minute. */
export interface LastUsed {
  start(): void;
  /** Takes what was used by now, for `lastUsedAtMs`. */
  collect(): void;
  /** When a key was last used, also if it is not written yet. A Unix time in ms; undefined: never. */
  lastUsedAtMs(id: string): number | undefined;
  /** Writes what is known, once more. */
  stop(): Promise<void>;
}

export interface LastUsedOptions {
  readonly bucket: Pick<Bucket, 'write'>;
  readonly contents: Pick<KeyContents, 'lastUsedAtMs'>;
  /** The ids of the keys that this gate has accepted since the last call. */
  readonly takeUsed: () => readonly string[];
  readonly onTrouble: (error: unknown) => void;
}

const intervalMs = 10_000;
const minuteMs = 60_000;
const stopMsMax = 1_000;
/** Five a second: 300 keys to the minute, and 10,000 within the hour. */
const writesMax = 50;

/**
 * Collects the used keys every ten seconds, and writes those whose minute is not known yet, the
 * longest unknown first. Other gates write the same entries; the last one counts.
 */
export function createLastUsed(options: LastUsedOptions): LastUsed {
  const { bucket, contents, takeUsed, onTrouble } = options;
  /** Used, and not written yet. */
  const waiting = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;

  const collect = (): void => {
    const minute = Math.floor(Date.now() / minuteMs) * minuteMs;
    for (const id of takeUsed()) waiting.set(id, minute);
  };
  const writeSome = async (): Promise<void> => {
    const known = (id: string): number => contents.lastUsedAtMs(id) ?? 0;
    for (const [id, usedAtMs] of waiting) if (usedAtMs <= known(id)) waiting.delete(id);
    const next = [...waiting].sort(([one], [other]) => known(one) - known(other));
    const written = next.slice(0, writesMax).map(async ([id, usedAtMs]) => {
      await bucket.write(usedEntry(id), new Date(usedAtMs).toISOString());
      if (waiting.get(id) === usedAtMs) waiting.delete(id);
    });
    const failed = (await Promise.allSettled(written)).find(({ status }) => status === 'rejected');
    if (failed !== undefined) onTrouble((failed as PromiseRejectedResult).reason);
  };
  const run = (): Promise<void> => {
    collect();
    return (writing ??= writeSome().finally(() => (writing = undefined)));
  };
  return {
    collect,
    lastUsedAtMs: (id) => waiting.get(id) ?? contents.lastUsedAtMs(id),
    start: () => {
      timer = setInterval(() => void run(), intervalMs);
      timer.unref();
    },
    stop: async () => {
      clearInterval(timer);
      const last = (writing ?? Promise.resolve()).then(run);
      // A stop does not wait for a log that does not answer.
      await Promise.race([last, sleep(stopMsMax, undefined, { ref: false })]);
    },
  };
}
