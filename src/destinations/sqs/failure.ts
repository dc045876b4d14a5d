import type { BatchResultErrorEntry } from '@aws-sdk/client-sqs';

import { awsErrorText } from '../aws-client.ts';
import type { MessageOutcome } from '../batch-requests.ts';
import type { Outcome } from '../destination.ts';

/**
 * Codes about a message itself: a repetition gets the same answer. `InvalidParameterValue` is what a queue
 * says whose limit is lower than that of SQS; no other value of a message can be wrong.
 */
const messageCodes: ReadonlySet<string> = new Set([
  'InvalidMessageContents',
  'InvalidParameterValue',
  'InvalidAttributeValue',
  'BatchRequestTooLong',
]);

/** Codes about the queue, its key or who asks, which SQS calls faults of the sender as well. */
const queueCodes =
  /Queue|^Kms|AccessDenied|Access|Credential|Token|Signature|Throttl|OverLimit|Limit|Unavailable|Internal|Expired|NotAuthorized|Unsupported/i;

/** The outcome of one entry of `Failed`. */
export function outcomeOfEntry(failed: BatchResultErrorEntry): Outcome {
  const code = shortCode(failed.Code ?? 'unknown');
  const reason = `SQS refused the message: ${awsErrorText(code, failed.Message)}`;
  if (failed.SenderFault !== true || queueCodes.test(code)) {
    return { kind: 'retry', fault: 'destination', reason, status: code };
  }
  return messageCodes.has(code)
    ? { kind: 'dead', reason, status: code }
    : { kind: 'retry', fault: 'event', reason, status: code };
}

/**
 * The outcome of a request that failed as a whole. Only what is too long, or has characters that SQS does
 * not take, is caused by a message; the caller then sends the messages in halves.
 */
export function outcomeOfRequest(error: unknown, timeoutMs: number): Outcome {
  const { name, message, $metadata } = error as Partial<FailedRequest>;
  if (name === 'TimeoutError' || name === 'AbortError') {
    const reason = `SQS gave no answer within ${timeoutMs} ms`;
    return { kind: 'retry', fault: 'destination', reason };
  }
  const code = shortCode(String(name ?? 'unknown'));
  if (code === 'BatchRequestTooLong' || code === 'InvalidMessageContents') {
    const reason = `SQS refused the message: ${awsErrorText(code, message)}`;
    return { kind: 'dead', reason, status: code };
  }
  const status = $metadata?.httpStatusCode;
  return {
    kind: 'retry',
    fault: 'destination',
    reason: `SQS did not take it: ${awsErrorText(code, message)}`,
    ...(status === undefined ? {} : { status: String(status) }),
  };
}

/** If everything failed for a cause outside of the messages, nothing more of the batch needs to be tried. */
export function ofWholeRequest(
  verdicts: readonly MessageOutcome[],
): readonly MessageOutcome[] | Outcome {
  const isFault = (one: MessageOutcome): one is Outcome & { kind: 'retry' } =>
    one !== 'unclear' && one.kind === 'retry' && one.fault === 'destination';
  const [first] = verdicts;
  return first !== undefined && isFault(first) && verdicts.every(isFault) ? first : verdicts;
}

interface FailedRequest {
  readonly name: string;
  readonly message: string;
  readonly $metadata: { readonly httpStatusCode?: number };
}

function shortCode(code: string): string {
  return code.replace(/^AWS\.SimpleQueueService\./, '').slice(0, 64);
}
