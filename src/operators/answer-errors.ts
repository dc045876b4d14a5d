import { ConnectError, type Interceptor } from '@connectrpc/connect';

import { errorEntry, errorTable, grpcCodeNames, ServiceError } from '../errors.ts';
import { logFailureOf } from '../jetstream/log-failure.ts';
import type { Signals } from '../observability/signals.ts';
import { knownOperator } from './access/operator.ts';

/**
 * Wraps every RPC of the operators' port. Only this code turns an error that an RPC throws, also in
 * a stream, into its answer: the code and the text come from the error table. The error is counted
 * and logged once, at the table's level, with the correlation id of the answer.
 */
export function answerErrors(signals: Pick<Signals, 'operatorRequestFailed'>): Interceptor {
  return (next) => async (request) => {
    const answerOf = (thrown: unknown): ConnectError => {
      // Only the library throws ConnectErrors, about its protocols and deadlines.
      if (thrown instanceof ConnectError) return thrown;
      const { service, method, header } = request;
      const correlationId = header.get('x-correlation-id') ?? '';
      const { code, error, text } = describeError(thrown, correlationId);
      const rpc = `${service.typeName}/${method.name}`;
      const operator = knownOperator(request)?.name;
      signals.operatorRequestFailed(rpc, code, correlationId, error, operator);
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
    return { code, error, text: `${cutMessage(message)} ${errorEntry(code).text}` };
  }
  return {
    code: 'internal',
    error: thrown instanceof Error ? thrown : new Error(String(thrown)),
    // Omits the error's own text, which may quote any data.
    text: `${errorTable.internal.text} Correlation id: ${correlationId}.`,
  };
}

/**
 * gRPC sends the text in a trailer, percent-encoded: a character may take 9 bytes, and clients take
 * 64 KiB of trailers or less.
 */
const messageCharactersMax = 4_000;

/** A message may quote what was sent, such as an id of any length. */
function cutMessage(message: string): string {
  if (message.length <= messageCharactersMax) return message;
  return `${message.slice(0, messageCharactersMax).toWellFormed()}…`;
}

/** The code by which an error that an RPC throws is answered, for its record. */
export function outcomeOf(thrown: unknown): string {
  if (thrown instanceof ConnectError) return grpcCodeNames[thrown.code] ?? 'unknown';
  return knownError(thrown)?.code ?? 'internal';
}

/** The expected error; undefined if the thrown value is unexpected. */
function knownError(thrown: unknown): ServiceError | undefined {
  if (thrown instanceof ServiceError) return thrown;
  const why = logFailureOf(thrown);
  if (why === undefined) return undefined;
  return new ServiceError('log_unavailable', `The log did not complete the request: ${why}.`, {
    cause: thrown,
  });
}
