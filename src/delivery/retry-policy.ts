import type { RetryPolicy } from '../config/config.ts';

/**
 * How long to wait before the next attempt, with full jitter: a random time up to a bound that
 * doubles with each attempt. This spreads the retries of events that failed together
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 *
 * `attempt` is the number of the failed attempt, from 1. `notBeforeMs` comes from the destination
 * (Retry-After), and may exceed the cap. `random` is in [0, 1).
 */
export function retryDelayMs(
  policy: RetryPolicy,
  attempt: number,
  notBeforeMs: number,
  random: number,
): number {
  const bound = retryDelayMsMax(policy, attempt);
  return Math.max(Math.floor(random * (bound + 1)), Math.ceil(notBeforeMs));
}

/** The longest delay after an attempt. */
export function retryDelayMsMax(policy: RetryPolicy, attempt: number): number {
  // 2 ** 1100 is Infinity, and Math.min then returns the cap: no attempt number overflows.
  return Math.min(policy.capMs, policy.baseMs * 2 ** (attempt - 1));
}
