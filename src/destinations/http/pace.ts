import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Lets callers through one by one, `perSecond` of them a second, in the order in which they came.
 * Answers false where the signal was aborted first. Turns are reckoned on a clock of their own, so
 * that a timer which fires late does not lower the rate.
 */
export function createPace(perSecond: number): (signal: AbortSignal) => Promise<boolean> {
  const intervalMs = 1_000 / perSecond;
  let nextMs = 0;
  return async (signal) => {
    const nowMs = performance.now();
    const turnMs = Math.max(nowMs, nextMs);
    nextMs = turnMs + intervalMs;
    if (turnMs > nowMs) await sleep(turnMs - nowMs, undefined, { signal }).catch(() => undefined);
    return !signal.aborted;
  };
}
