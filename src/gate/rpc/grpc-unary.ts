import { grpcCode, ServiceError } from '../../errors.ts';
import { headerOf, reply, type Exchange } from '../exchange.ts';
import { grpcStatusDetails } from '../answer/failure.ts';
import { cutOffWhenAnswered, type TrailersCall } from '../../http/http-call.ts';
import { encodingOf, knownEncodings } from '../intake/inflation.ts';
import { decompressBody } from '../intake/unpack-body.ts';
import type { Endpoint, EndpointCall } from '../serve-request.ts';
import { rpcErrorOf, type RpcAnswer, type RpcError, type UnaryRpc } from './unary-rpc.ts';

/*
 * The unary form of gRPC: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, and of
 * gRPC-Web, which has its trailers at the end of the body and so needs no HTTP/2:
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md
 */

/** One byte of flags and four of length stand before every message. */
const prefixBytes = 5;
const compressedFlag = 1;
const trailersFlag = 0x80;

/** What https://grpc.github.io/grpc/core/md_doc_statuscodes.html has a status of its own for. */
class ProtocolError extends ServiceError {
  readonly grpc: number;

  constructor(grpc: number, message: string) {
    super('malformed_request', `protocol error: ${message}`);
    this.grpc = grpc;
  }
}

/** An RPC in the unary form of gRPC, or of gRPC-Web: `EndpointCall.door` says which. */
export function grpcEndpoint<Request, Result>(
  rpc: UnaryRpc<Request, Result>,
): Endpoint<Request, Result> {
  return {
    begin: (exchange) => readTimeout(exchange.call.headers['grpc-timeout']),
    framingBytes: prefixBytes,
    unpack: readMessage,
    decode: (call, message, batchEventsMax) => rpc.decode(call.codec, message, batchEventsMax),
    answer: (exchange, call, result) => {
      const answer = rpc.encode(call.codec, result);
      if (answer.error !== undefined) return sendGrpcError(exchange, call, answer.error, answer);
      const { headers, message, trailers } = answer;
      const status = trailers === undefined ? succeeded : { ...trailers, ...succeeded };
      send(exchange, call, frameOf(message as Buffer, 0), headers, status);
      return 0;
    },
    refuse: refuseGrpc,
  };
}

export const refuseGrpc: Endpoint['refuse'] = (exchange, call, failure, error) => {
  const code = error instanceof ProtocolError ? error.grpc : failure.grpc;
  return sendGrpcError(exchange, call, { ...rpcErrorOf(failure), code });
};

/** What an answer needs to know of its request. */
type GrpcForm = Pick<EndpointCall, 'door' | 'contentType'>;

const succeeded = { 'grpc-status': '0' };

/** The one message of a unary request; a promise only where it has to be decompressed. */
function readMessage(exchange: Exchange, body: Buffer, bytesMax: number): Buffer | Promise<Buffer> {
  const encoding = headerOf(exchange, 'grpc-encoding');
  // Refused even when this message is not compressed, so that the caller finds out at once.
  const packing = encoding === '' ? undefined : encodingOf(encoding);
  if (body.length === 0) {
    throw new ProtocolError(grpcCode.unimplemented, 'a unary call has one message: got none');
  }
  const length = body.length < prefixBytes ? Infinity : body.readUInt32BE(1);
  if (body.length < prefixBytes + length) {
    throw new ProtocolError(grpcCode.invalidArgument, 'the message is cut short');
  }
  const rest = body.subarray(prefixBytes + length);
  if (rest.length > 0) {
    const next = rest.length < prefixBytes ? Infinity : rest.readUInt32BE(1);
    if (rest.length < prefixBytes + next) {
      throw new ProtocolError(grpcCode.invalidArgument, 'bytes follow the message');
    }
    throw new ProtocolError(grpcCode.unimplemented, 'a unary call has one message: got more');
  }
  const flags = body[0]!;
  const message = body.subarray(prefixBytes);
  if (flags === 0) return message;
  if (flags !== compressedFlag) {
    throw new ProtocolError(grpcCode.internal, `the message has the unknown flags ${flags}`);
  }
  if (packing === undefined) {
    throw new ProtocolError(
      grpcCode.internal,
      'the message is marked as compressed, and grpc-encoding does not tell how',
    );
  }
  return decompressBody(message, packing, bytesMax, exchange.unpacking);
}

const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};

function readTimeout(sent: string | string[] | undefined): number | undefined {
  if (sent === undefined) return undefined;
  const text = String(sent);
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  if (match !== null) return Number(match[1]) * unitMs[match[2]!]!;
  throw new ServiceError(
    'malformed_request',
    `protocol error: invalid grpc timeout value: ${text.slice(0, 40)}`,
  );
}

/** A message with its prefix, as gRPC and the streams of Connect have it. */
export function frameOf(message: Buffer, flags: number): Buffer {
  const frame = Buffer.allocUnsafe(prefixBytes + message.length);
  frame[0] = flags;
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, prefixBytes);
  return frame;
}

/** Answers with a status other than OK. Returns its code, for the metric. */
export function sendGrpcError(
  exchange: Exchange,
  call: GrpcForm,
  error: RpcError,
  { headers, trailers }: Pick<RpcAnswer, 'headers' | 'trailers'> = {},
): number {
  send(
    exchange,
    call,
    undefined,
    // Advice for those who were refused, and a header less for everybody else.
    { ...headers, 'grpc-accept-encoding': knownEncodings },
    {
      ...trailers,
      'grpc-status': String(error.code),
      'grpc-message': percentEncoded(error.message),
      'grpc-status-details-bin': grpcStatusDetails(error.code, error.message, error.details),
      ...error.metadata,
    },
  );
  return error.code;
}

/**
 * Header values are visible ASCII, and neither begin nor end in a space:
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses
 */
function percentEncoded(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

function send(
  exchange: Exchange,
  call: GrpcForm,
  frame: Buffer | undefined,
  metadata: RpcAnswer['headers'],
  trailers: Record<string, string>,
): void {
  const headers: Record<string, string> = { 'content-type': call.contentType };
  if (metadata !== undefined) Object.assign(headers, metadata);
  if (call.door === 'grpc_web') {
    const end = frameOf(Buffer.from(trailerLines(trailers), 'latin1'), trailersFlag);
    reply(exchange, 200, headers, frame === undefined ? end : Buffer.concat([frame, end]));
    return;
  }
  const http2 = exchange.call as TrailersCall;
  if (http2.answered) return;
  headers['x-correlation-id'] = exchange.correlationId;
  cutOffWhenAnswered(http2);
  http2.replyWithTrailers(headers, frame, trailers);
}

function trailerLines(trailers: Record<string, string>): string {
  return Object.entries(trailers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
}
