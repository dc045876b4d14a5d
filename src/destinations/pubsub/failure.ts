import { grpcCodeNames } from '../../errors.ts';
import type { Outcome } from '../destination.ts';

/** Said of the content of a request: a size, or the schema of a topic. */
export const contentCode = 'INVALID_ARGUMENT';

const textCharactersMax = 300;

/** `NOT_FOUND`. Undefined: the request was not sent, such as for want of credentials. */
export function codeOf(error: unknown): string | undefined {
  return grpcCodeNames[Number((error as { code?: unknown }).code)]?.toUpperCase();
}

/**
 * The outcome of a request that failed. Only what is said of its content is caused by a message; the caller
 * then sends the messages in halves.
 */
export function outcomeOfRequest(error: unknown, timeoutMs: number): Outcome {
  const status = codeOf(error);
  const { message, details } = error as { message?: unknown; details?: unknown };
  const text = String(details || message).slice(0, textCharactersMax);
  if (status === contentCode) {
    return { kind: 'dead', reason: `Pub/Sub refused the message: ${text}`, status };
  }
  const reason =
    status === 'DEADLINE_EXCEEDED'
      ? `Pub/Sub gave no answer within ${timeoutMs} ms`
      : `Pub/Sub did not take it: ${status === undefined ? '' : `${status}: `}${text}`;
  return {
    kind: 'retry',
    fault: 'destination',
    reason,
    ...(status === undefined ? {} : { status }),
  };
}
