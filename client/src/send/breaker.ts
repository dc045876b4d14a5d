/** Delays requests while they fail. */
export interface Breaker {
  /**
   * `closed`: the last request succeeded. `waiting`: requests failed, and the next one is delayed.
   * `open`: `failuresMax` requests failed in a row, and single small requests probe the gate.
   */
  readonly state: 'closed' | 'waiting' | 'open';
  /** How long until a request may start; 0 means now. */
  waitMs(nowMs: number): number;
  /** `afterMs`: the shortest delay that the gate asked for. */
  failed(nowMs: number, afterMs: number): void;
  succeeded(): void;
}

export interface BreakerOptions {
  readonly backoffBaseMs: number;
  readonly backoffCapMs: number;
  /** This many failures in a row open the breaker. */
  readonly failuresMax: number;
}

/** The longest delay that a gate can ask for: the client tries again at least every hour. */
const afterMsMax = 3_600_000;

/**
 * Exponential backoff with full jitter: the delay is random between 0 and the bound. So the clients
 * of a gate that recovers do not all return at once.
 *
 * @param random returns a number from 0 up to, not including, 1.
 */
export function createBreaker(options: BreakerOptions, random: () => number): Breaker {
  const { backoffBaseMs, backoffCapMs, failuresMax } = options;
  let failures = 0;
  let notBeforeMs = 0;
  return {
    get state() {
      if (failures === 0) return 'closed';
      return failures < failuresMax ? 'waiting' : 'open';
    },
    waitMs: (nowMs) => Math.max(0, notBeforeMs - nowMs),
    failed: (nowMs, afterMs) => {
      const bound = backoffBoundMs(failures, backoffBaseMs, backoffCapMs);
      failures += 1;
      notBeforeMs = nowMs + Math.max(Math.min(afterMs, afterMsMax), random() * bound);
    },
    succeeded: () => {
      failures = 0;
      notBeforeMs = 0;
    },
  };
}

export function backoffBoundMs(attempt: number, baseMs: number, capMs: number): number {
  return Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30));
}
