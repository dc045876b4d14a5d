import { Code, ConnectError } from '@connectrpc/connect';

import { ErrorInfoSchema, RetryInfoSchema } from '../../../gen/google/rpc/error_details_pb.ts';

/** What to do after a call without verdicts. */
export type TrackFailure =
  | { readonly kind: 'retry'; readonly message: string; readonly afterMs: number }
  /** The request as a whole was refused: its halves may pass, or show which event causes it. */
  | { readonly kind: 'split'; readonly code: string; readonly message: string }
  /** No event can pass. */
  | { readonly kind: 'stop'; readonly message: string };

/**
 * Classifies an error of the client. Errors are retried unless they are known to be final: every
 * event carries its key, so that a repeated event is a duplicate.
 *
 * @param hasKey whether the client sends a write key.
 */
export function failureOf(error: unknown, url: string, hasKey: boolean): TrackFailure {
  const failure = ConnectError.from(error);
  const reason = failure.findDetails(ErrorInfoSchema)[0]?.reason;
  const delay = failure.findDetails(RetryInfoSchema)[0]?.retryDelay;
  if (delay !== undefined) {
    const afterMs = Number(delay.seconds) * 1000 + delay.nanos / 1_000_000;
    return { kind: 'retry', message: `The gate at ${url} is busy (${reason})`, afterMs };
  }
  switch (failure.code) {
    case Code.Unauthenticated:
      return {
        kind: 'stop',
        message: hasKey
          ? `The gate at ${url} does not know the write key: ` +
            'set HEADGATE_WRITE_KEY (or --key) to one that it has'
          : `The gate at ${url} wants a write key, and none was given: set HEADGATE_WRITE_KEY (or --key)`,
      };
    case Code.PermissionDenied:
      return { kind: 'stop', message: `The gate at ${url} refuses: ${failure.rawMessage}` };
    case Code.Unimplemented:
    case Code.NotFound:
      return { kind: 'stop', message: `The server at ${url} is not a gate; fix --url` };
    case Code.InvalidArgument:
      return { kind: 'split', code: reason ?? 'malformed_request', message: failure.rawMessage };
    default:
  }
  if (reason !== undefined) return { kind: 'split', code: reason, message: failure.rawMessage };
  return { kind: 'retry', message: outageOf(failure, url), afterMs: 0 };
}

function outageOf(failure: ConnectError, url: string): string {
  const code = systemCodeOf(failure);
  if (code === 'ECONNREFUSED') return `No gate answers at ${url}; start it, or fix --url`;
  if (code === 'ENOTFOUND') return `No host has this name: ${url}; fix --url`;
  if (failure.code === Code.DeadlineExceeded) return `The gate at ${url} does not answer in time`;
  const cause = code ?? failure.rawMessage.split('\n')[0];
  return `The connection to ${url} fails (${cause}); see whether a gate is running there`;
}

/** The system error code, such as ECONNREFUSED, from the chain of causes. */
function systemCodeOf(failure: ConnectError): string | undefined {
  let error: unknown = failure.cause;
  for (let depth = 0; error instanceof Error && depth < 5; depth += 1) {
    if ('code' in error && typeof error.code === 'string') return error.code;
    error = error instanceof AggregateError ? error.errors[0] : error.cause;
  }
  return undefined;
}
