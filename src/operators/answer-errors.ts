import { ConnectError, type Interceptor } from '@connectrpc/connect';

import { errorEntry, errorTable, ServiceError } from '../errors.ts';
import { logFailureOf } from '../jetstream/log-failure.ts';
import type { Signals } from '../observability/signals.ts';

/**
 * Wraps every RPC of the operators' port. Whatever an RPC throws, in a stream too, becomes its answer
 * here and only here: the code and the text come from the table of errors. It is counted and logged
 * once, at the level of the table, under the correlation id of the answer.
 */
export function answerErrors(signals: Pick<Signals, 'operatorRequestFailed'>): Interceptor {
  return (next) => async (request) => {
    const answerOf = (thrown: unknown): ConnectError => {
      // The library's own answers, about its protocols and deadlines. Our services throw none.
      if (thrown instanceof ConnectError) return thrown;
      const { service, method, header } = request;
      const correlationId = header.get('x-correlation-id') ?? '';
      const { code, error, text } = describeError(thrown, correlationId);
      const rpc = `${service.typeName}/${method.name}`;
      signals.operatorRequestFailed(rpc, code, correlationId, error);
      return new ConnectError(text, errorEntry(code).grpc);
    };
    try {
      const response = await next(request);
      if (!response.stream) return response;
      return { ...response, message: withErrors(response.message, answerOf) };
    } catch (thrown) {
      throw answerOf(thrown);
    }
  };
}

async function* withErrors<Message>(
  messages: AsyncIterable<Message>,
  answerOf: (thrown: unknown) => ConnectError,
): AsyncGenerator<Message> {
  try {
    yield* messages;
  } catch (thrown) {
    throw answerOf(thrown);
  }
}

interface DescribedError {
  readonly code: ServiceError['code'];
  /** For the log. */
  readonly error: Error;
  /** For the operator. */
  readonly text: string;
}

function describeError(thrown: unknown, correlationId: string): DescribedError {
  const error = knownError(thrown);
  if (error !== undefined) {
    const { code, message } = error;
    return { code, error, text: `${message} ${errorEntry(code).text}` };
  }
  return {
    code: 'internal',
    error: thrown instanceof Error ? thrown : new Error(String(thrown)),
    // Nothing of the error itself: it may quote anything.
    text: `${errorTable.internal.text} Correlation id: ${correlationId}.`,
  };
}

/** Undefined: nobody expected it. */
function knownError(thrown: unknown): ServiceError | undefined {
  if (thrown instanceof ServiceError) return thrown;
  const why = logFailureOf(thrown);
  if (why === undefined) return undefined;
  return new ServiceError('log_unavailable', `The log did not do it: ${why}.`, { cause: thrown });
}
