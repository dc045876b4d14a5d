import type { Http2ServerResponse } from 'node:http2';

import { ServiceError } from '../errors.ts';
import { headerOf, type Exchange } from './exchange.ts';
import { failureOfError, grpcStatusDetails, retryAfterSeconds, type Failure } from './failure.ts';
import type { GateContext } from './gate-context.ts';
import { CallerGone, decompressBody, knownEncodings } from './read-body.ts';
import { answerUnary, withDeadline, type UnaryAnswer, type UnaryCall } from './unary-rpc.ts';

/*
 * The unary form of gRPC: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */

/** One byte of flags and four of length stand before every message. */
const prefixBytes = 5;
const compressedFlag = 1;

export async function handleGrpcUnary(
  context: GateContext,
  exchange: Exchange,
  call: UnaryCall,
): Promise<void> {
  let grpcCode = 0;
  try {
    const answer = await answerRequest(context, exchange, call);
    if (answer.failure === undefined) {
      send(exchange, call, frameOf(answer.message as Buffer), { 'grpc-status': '0' });
    } else {
      grpcCode = sendFailure(exchange, call, answer.failure);
    }
  } catch (error) {
    if (error instanceof CallerGone) grpcCode = 1;
    else {
      const failure = failureOfError(error);
      context.signals.requestFailed(failure.code, exchange.correlationId, error as Error);
      grpcCode = sendFailure(exchange, call, failure);
    }
  }
  const seconds = (performance.now() - exchange.startedAt) / 1000;
  context.signals.requestAnswered(call.rpc, 'grpc', grpcCode, seconds);
}

async function answerRequest(
  context: GateContext,
  exchange: Exchange,
  call: UnaryCall,
): Promise<UnaryAnswer> {
  const timeoutMs = readTimeout(headerOf(exchange, 'grpc-timeout'));
  context.authenticate(exchange.request.headers);
  const work = async (): Promise<UnaryAnswer> => {
    const body = await context.bodies.read(exchange.request);
    const message = await readMessage(exchange, body, context.limits.requestBytesMax);
    return answerUnary(context, exchange, call, message);
  };
  return withDeadline(work(), timeoutMs);
}

/** The one message of a unary request. */
async function readMessage(exchange: Exchange, body: Buffer, bytesMax: number): Promise<Buffer> {
  if (body.length === 0) {
    throw new ServiceError('malformed_request', 'protocol error: missing message of a unary call');
  }
  const length = body.length < prefixBytes ? -1 : body.readUInt32BE(1);
  if (length === -1 || body.length < prefixBytes + length) {
    throw new ServiceError('malformed_request', 'protocol error: the message is cut short');
  }
  if (body.length > prefixBytes + length) {
    throw new ServiceError('malformed_request', 'protocol error: a unary call has one message');
  }
  const flags = body[0]!;
  const message = body.subarray(prefixBytes);
  if (flags === 0) return message;
  const encoding = headerOf(exchange, 'grpc-encoding');
  if (flags !== compressedFlag || encoding === '' || encoding === 'identity') {
    throw new ServiceError(
      'malformed_request',
      'protocol error: the message is marked as compressed, and grpc-encoding names no way',
    );
  }
  return decompressBody(message, encoding, bytesMax);
}

const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};

function readTimeout(text: string): number | undefined {
  if (text === '') return undefined;
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  if (match !== null) return Number(match[1]) * unitMs[match[2]!]!;
  throw new ServiceError(
    'malformed_request',
    `protocol error: invalid grpc timeout value: ${text.slice(0, 40)}`,
  );
}

function frameOf(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(prefixBytes + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, prefixBytes);
  return frame;
}

function sendFailure(exchange: Exchange, call: UnaryCall, failure: Failure): number {
  const trailers: Record<string, string> = {
    'grpc-status': String(failure.grpc),
    'grpc-message': percentEncoded(failure.message),
    'grpc-status-details-bin': grpcStatusDetails(failure),
  };
  const retryAfter = retryAfterSeconds(failure);
  if (retryAfter !== undefined) trailers['retry-after'] = retryAfter;
  send(exchange, call, undefined, trailers);
  return failure.grpc;
}

/** Header values are visible ASCII: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses */
function percentEncoded(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll('%20', ' ');
}

function send(
  exchange: Exchange,
  call: UnaryCall,
  frame: Buffer | undefined,
  trailers: Record<string, string>,
): void {
  const response = exchange.response as Http2ServerResponse;
  if (response.destroyed || response.headersSent) return;
  response.addTrailers(trailers);
  response.writeHead(200, {
    'content-type': call.contentType,
    'grpc-accept-encoding': knownEncodings,
    'x-correlation-id': exchange.correlationId,
  });
  if (frame === undefined) response.end();
  else response.end(frame);
}
