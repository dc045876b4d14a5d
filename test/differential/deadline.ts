import { ServiceError } from '../../src/errors.ts';

/**
 * Ends the wait at the caller's deadline. What is under way goes on: it may still be stored. Nothing
 * is begun for a caller whose deadline has passed already.
 */
export function withDeadline<T>(work: () => Promise<T>, timeoutMs: number | undefined): Promise<T> {
  if (timeoutMs === undefined) return work();
  return new Promise((resolve, reject) => {
    const expire = (): void =>
      reject(new ServiceError('deadline_exceeded', 'the operation timed out'));
    if (timeoutMs < 1) {
      expire();
      return;
    }
    const timer = setTimeout(expire, Math.min(timeoutMs, 2 ** 31 - 1));
    work()
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}
