import {
  failureDetails,
  retryAfterSeconds,
  type ErrorDetail,
  type Failure,
} from '../answer/failure.ts';
import type { EndpointCall, RunRequest } from '../serve-request.ts';

/**
 * One unary RPC, apart from how a protocol frames it: `connect-unary.ts` and `grpc-unary.ts` serve any.
 *
 * connect-node's universal handler costs 100 to 230 µs a call, for streams, headers and abort
 * machinery that a unary call has no use for; these endpoints speak the unary form of Connect and gRPC
 * themselves (docs/understand/hot-path.md).
 */
export interface UnaryRpc<Request, Result> {
  /** Its label in the metrics. */
  readonly name: EndpointCall['rpc'];
  /** Throws a ServiceError for a message that cannot be read. */
  decode(codec: EndpointCall['codec'], message: Buffer, batchEventsMax: number): Request;
  readonly run: RunRequest<Request, Result>;
  encode(codec: EndpointCall['codec'], result: Result): RpcAnswer;
}

/** A message in the codec of its request, or the error in its place. */
export type RpcAnswer = (
  | { readonly message: Buffer | string; readonly error?: undefined }
  | { readonly error: RpcError }
) & {
  /** Metadata: names in lower case, values that HTTP allows. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly trailers?: Readonly<Record<string, string>>;
};

export interface RpcError {
  /** A number of the gRPC status codes. */
  readonly code: number;
  readonly message: string;
  readonly details: readonly ErrorDetail[];
  /** Goes with the headers in Connect, and with the trailers in gRPC. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The error of a request that failed, or of its one event. */
export function rpcErrorOf(failure: Failure): RpcError {
  const { grpc: code, message } = failure;
  const details = failureDetails(failure);
  const retryAfter = retryAfterSeconds(failure);
  if (retryAfter === undefined) return { code, message, details };
  return { code, message, details, metadata: { 'retry-after': retryAfter } };
}
