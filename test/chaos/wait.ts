import { setTimeout as sleep } from 'node:timers/promises';

/** Polls until the condition holds. False if it does not within `timeoutMs`; it never throws that. */
export async function waitFor(
  holds: () => boolean | Promise<boolean>,
  timeoutMs: number,
  intervalMs = 50,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    if (await holds()) return true;
    if (performance.now() > deadline) return false;
    await sleep(intervalMs);
  }
}

/** The same, for what a round cannot go on without. */
export async function waitOrThrow(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<void> {
  if (!(await waitFor(holds, timeoutMs))) throw new Error(`${what}: not within ${timeoutMs} ms`);
}
