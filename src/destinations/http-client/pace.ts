import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Lets callers pass one by one, `perSecond` per second, in the order of their calls. Returns false
 * if the signal was aborted first. Turns are calculated from a schedule, so a late timer does not
 * lower the rate.
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
