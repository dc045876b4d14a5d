/** Holds requests back while they fail. */
export interface Breaker {
  /**
   * `closed`: all is well. `waiting`: a request failed, and the next one waits its turn. `open`:
   * several failed in a row, and single small requests probe.
   */
  readonly state: 'closed' | 'waiting' | 'open';
  /** How long until a request may go; 0: now. */
  waitMs(nowMs: number): number;
  /** `afterMs`: what the gate asked for, at least. */
  failed(nowMs: number, afterMs: number): void;
  succeeded(): void;
}

export interface BreakerOptions {
  readonly baseMs: number;
  readonly capMs: number;
  /** In a row, until it opens. */
  readonly failuresMax: number;
  /** From 0 up to 1. */
  readonly random: () => number;
}

/** A gate may ask for an hour; nobody waits longer without looking again. */
const afterMsMax = 3_600_000;

/**
 * Exponential with full jitter: the delay is anything from nothing to the bound, so that the clients
 * of a gate that comes back do not come back all at once.
 */
export function createBreaker(options: BreakerOptions): Breaker {
  const { baseMs, capMs, failuresMax, random } = options;
  let failures = 0;
  let notBeforeMs = 0;
  return {
    get state() {
      if (failures === 0) return 'closed';
      return failures < failuresMax ? 'waiting' : 'open';
    },
    waitMs: (nowMs) => Math.max(0, notBeforeMs - nowMs),
    failed: (nowMs, afterMs) => {
      const bound = backoffBoundMs(failures, baseMs, capMs);
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
