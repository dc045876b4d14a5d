import type { TextAnswer } from './text-answer.ts';

/** Load balancers that ask more often share one probe, because a probe is a publish. */
const cacheMs = 1000;

/**
 * The answer of `/readyz`: 200 if `probe` resolves, otherwise 503 with the reason. Both end with
 * `notice`.
 */
export function createReadiness(
  probe: () => Promise<void>,
  notice: () => string,
): () => Promise<TextAnswer> {
  let askedAt = 0;
  let answer: Promise<TextAnswer> | undefined;
  return () => {
    if (answer === undefined || performance.now() - askedAt > cacheMs) {
      askedAt = performance.now();
      answer = probe().then(
        () => ({ status: 200, text: `ready\n${notice()}` }),
        (error: Error) => ({ status: 503, text: `not ready: ${error.message}\n${notice()}` }),
      );
    }
    return answer;
  };
}
