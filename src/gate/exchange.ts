import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { constants, type Http2ServerResponse } from 'node:http2';

import type { GateRequest } from './read-body.ts';

export type GateResponse = ServerResponse | Http2ServerResponse;

/** One request and the place for its answer, the same over HTTP/1.1 and HTTP/2. */
export interface Exchange {
  readonly request: GateRequest;
  readonly response: GateResponse;
  readonly startedAt: number;
  /** The caller's, else a new one; on every answer. */
  readonly correlationId: string;
  /** W3C trace context; empty when there is none, or it is malformed. */
  readonly traceparent: string;
}

/** Visible ASCII: what is safe in a header, a log line and a NATS header. */
const correlationPattern = /^[\u0021-\u007e]{1,128}$/;
/** https://www.w3.org/TR/trace-context/#traceparent-header, version 00. */
const traceparentPattern = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

export function createExchange(request: GateRequest, response: GateResponse): Exchange {
  const { headers } = request;
  const sent = headers['x-correlation-id'];
  const trace = headers['traceparent'];
  return {
    request,
    response,
    startedAt: performance.now(),
    correlationId: typeof sent === 'string' && correlationPattern.test(sent) ? sent : randomUUID(),
    traceparent: typeof trace === 'string' && traceparentPattern.test(trace) ? trace : '',
  };
}

/** Answers once, and lets go of a connection whose request was not read to its end. */
export function reply(
  exchange: Exchange,
  status: number,
  headers: Record<string, string | number>,
  body: string | Buffer,
): void {
  const { request, response } = exchange;
  if (response.headersSent || response.destroyed) return;
  headers['x-correlation-id'] = exchange.correlationId;
  const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
  headers['content-length'] = length;
  if (!request.complete && request.httpVersionMajor === 1) headers['connection'] = 'close';
  cutOffWhenAnswered(exchange);
  // The two classes have the same method, under types that TypeScript cannot call as one.
  (response as ServerResponse).writeHead(status, headers);
  // As many bytes as characters: ASCII, which is written without a look at each character.
  if (length === body.length && typeof body === 'string') {
    (response as ServerResponse).end(body, 'latin1');
  } else (response as ServerResponse).end(body);
}

/** Call before the answer is written: a request that was not read to its end ends with it. */
export function cutOffWhenAnswered(exchange: Exchange): void {
  const { request, response } = exchange;
  if (request.complete) return;
  // Over HTTP/2 the response's own 'finish' comes when the stream closes, which is what is waited for.
  const answer = 'stream' in response ? response.stream : response;
  answer.once('finish', () => stopReading(exchange));
}

/** Gives the caller a moment to read the answer before its upload is cut off. */
const lingerMs = 1000;

function stopReading({ request }: Exchange): void {
  request.resume();
  if (request.complete) return;
  const timer = setTimeout(() => cutOff(request), lingerMs);
  timer.unref();
  request.once('close', () => clearTimeout(timer));
}

/** Over HTTP/2 the one stream, without an error: RFC 9113 §8.1. */
function cutOff(request: GateRequest): void {
  if ('stream' in request) request.stream.close(constants.NGHTTP2_NO_ERROR);
  else request.destroy();
}

/** Plain headers of a request; a pseudo-header of HTTP/2 is not one. */
export function headerOf(exchange: Exchange, name: string): string {
  const value = exchange.request.headers[name];
  return typeof value === 'string' ? value : '';
}

/** The content type without its parameters, in lower case. */
export function mediaTypeOf(exchange: Exchange): string {
  const sent = headerOf(exchange, 'content-type');
  // As nearly everybody sends it.
  if (sent === 'application/json' || sent === 'application/grpc') return sent;
  return sent.split(';', 1)[0]!.trim().toLowerCase();
}
