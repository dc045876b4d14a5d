import { setTimeout as sleep } from 'node:timers/promises';

/** When the next events of a job may be stored. */
export interface Pace {
  /** Resolves when so many events may be stored. Ends early when the process stops. */
  turn(events: number): Promise<void>;
  /** Fresh events wait: half as fast from now on. */
  slowDown(): void;
}

/** Any destination bears this many events a second at once. */
const startRate = 500;
/** The slowest rate, so that a job comes to an end. */
const leastRate = 20;
/** From nothing to the rate of the job in ten seconds. */
const growthPerMs = 0.1 / 1_000;
const slowDownMs = 200;
/** How far a job that was held up may catch up with its rate. */
const catchUpMsMax = 100;

/**
 * At most `rateMax` events a second. Begins slowly and becomes faster little by little, and twice as
 * slow at once when fresh events wait: so it finds the rate that the destination and the machine have
 * left, instead of swinging between all and nothing.
 */
export function createPace(rateMax: number, signal: AbortSignal): Pace {
  let rate = Math.min(rateMax, startRate);
  let changedAt = performance.now();
  let slowedAt = Number.NEGATIVE_INFINITY;
  let nextAt = changedAt;
  return {
    turn: async (events) => {
      const nowMs = performance.now();
      rate = Math.min(rateMax, rate + rateMax * growthPerMs * (nowMs - changedAt));
      changedAt = nowMs;
      const waitMs = nextAt - nowMs;
      nextAt = Math.max(nextAt, nowMs - catchUpMsMax) + (events / rate) * 1_000;
      if (waitMs > 0) await pause(waitMs, signal);
    },
    slowDown: () => {
      const nowMs = performance.now();
      if (nowMs - slowedAt < slowDownMs) return;
      rate = Math.max(Math.min(rateMax, leastRate), rate / 2);
      changedAt = nowMs;
      slowedAt = nowMs;
    },
  };
}

/** Ends early, without an error, when this process stops. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
