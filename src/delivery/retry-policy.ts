import type { RetryPolicy } from '../config/config.ts';

/**
 * How long to wait before the next attempt: full jitter, that is anywhere between now and the
 * bound, which doubles with each attempt. Events that failed together so come back apart
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 *
 * `attempt` is the one that failed, from 1. `notBeforeMs` is the destination's own word
 * (Retry-After), and holds even beyond the cap. `random` is in [0, 1).
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

/** The bound of the delay after an attempt. */
export function retryDelayMsMax(policy: RetryPolicy, attempt: number): number {
  // 2 ** 1100 is Infinity, and Math.min of it is the cap: no attempt number overflows.
  return Math.min(policy.capMs, policy.baseMs * 2 ** (attempt - 1));
}
