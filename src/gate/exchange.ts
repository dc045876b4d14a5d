import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';

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
  headers['content-length'] = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
  const unread = !request.complete;
  if (unread && request.httpVersionMajor === 1) headers['connection'] = 'close';
  // The two classes have the same method, under types that TypeScript cannot call as one.
  (response as ServerResponse).writeHead(status, headers);
  if (unread) response.once('finish', () => stopReading(exchange));
  (response as ServerResponse).end(body);
}

/** Gives the caller a moment to read the answer before its upload is cut off. */
const lingerMs = 1000;

function stopReading({ request }: Exchange): void {
  request.resume();
  if (request.complete) return;
  const timer = setTimeout(() => request.destroy(), lingerMs);
  timer.unref();
  request.once('close', () => clearTimeout(timer));
}

/** Plain headers of a request; a pseudo-header of HTTP/2 is not one. */
export function headerOf(exchange: Exchange, name: string): string {
  const value = exchange.request.headers[name];
  return typeof value === 'string' ? value : '';
}
