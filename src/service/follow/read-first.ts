import { setTimeout as sleep } from 'node:timers/promises';

import { StartError } from '../../errors.ts';

const startMsMax = 30_000;
const pauseMs = 250;

/** Reads again until it succeeds. After 30 s it throws a StartError: `text` and the last failure. */
export async function readFirst(
  refresh: () => Promise<void>,
  text: (failure: string) => string,
): Promise<void> {
  const startedAt = performance.now();
  for (;;) {
    try {
      await refresh();
      return;
    } catch (cause) {
      if (performance.now() - startedAt > startMsMax) {
        throw new StartError(text((cause as Error).message), { cause });
      }
      await sleep(pauseMs);
    }
  }
}
