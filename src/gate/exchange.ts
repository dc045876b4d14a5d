import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

import { ServiceError } from '../errors.ts';
import type { Unpacking } from './intake/unpack-body.ts';
import { cutOffWhenAnswered, type HttpCall } from '../http/http-call.ts';

/** One request to an endpoint, and what is known before its body is read. */
export interface Exchange {
  readonly call: HttpCall;
  readonly startedAt: number;
  /** The caller's, else a new one; on every answer. */
  readonly correlationId: string;
  /** W3C trace context; empty when there is none, or it is malformed. */
  readonly traceparent: string;
  /** Of the same; empty where that is, or when there is none. */
  readonly tracestate: string;
  /** While its body is inflated. */
  unpacking: Unpacking | undefined;
}

/** Visible ASCII: what is safe in a header, a log line and a NATS header. */
export const correlationPattern = /^[\u0021-\u007e]{1,128}$/;
/**
 * https://www.w3.org/TR/trace-context/#traceparent-header, version 00. An id of all zeros is
 * invalid; the trace is then a new one.
 */
export const traceparentPattern = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
/** No more than the 512 characters that the standard has everybody carry. */
const tracestatePattern = /^[\u0020-\u007e]{1,512}$/;

export function createExchange(call: HttpCall): Exchange {
  const { headers } = call;
  const trace = headers['traceparent'];
  const traceparent = typeof trace === 'string' && traceparentPattern.test(trace) ? trace : '';
  const state = traceparent === '' ? undefined : headers['tracestate'];
  return {
    call,
    startedAt: performance.now(),
    correlationId: correlationIdOf(headers),
    traceparent,
    tracestate: typeof state === 'string' && tracestatePattern.test(state) ? state : '',
    unpacking: undefined,
  };
}

/** The caller's, where it is one, else a new one. */
export function correlationIdOf(headers: IncomingHttpHeaders): string {
  const sent = headers['x-correlation-id'];
  return typeof sent === 'string' && correlationPattern.test(sent) ? sent : randomUUID();
}

/** Answers once, and lets go of a connection whose request was not read to its end. */
export function reply(
  exchange: Exchange,
  status: number,
  headers: Record<string, string | number>,
  body: string | Buffer,
): void {
  const { call } = exchange;
  if (call.answered) return;
  headers['x-correlation-id'] = exchange.correlationId;
  const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
  headers['content-length'] = length;
  cutOffWhenAnswered(call);
  // As many bytes as characters: ASCII.
  call.reply(status, headers, body, typeof body === 'string' && length === body.length);
}

/** Plain headers of a request; a pseudo-header of HTTP/2 is not one. */
export function headerOf(exchange: Exchange, name: string): string {
  const value = exchange.call.headers[name];
  return typeof value === 'string' ? value : '';
}

/**
 * Throws a ServiceError `malformed_request` for a charset other than UTF-8: its bytes would be read
 * as other text than was sent. ASCII is a part of UTF-8.
 */
export function checkCharset({ headers }: HttpCall): void {
  const sent = headers['content-type'];
  if (sent === undefined || !sent.includes(';')) return;
  for (const [, charset = ''] of sent.matchAll(charsetPattern)) {
    if (knownCharsets.has(charset.toLowerCase())) continue;
    const shown = charset.slice(0, 40);
    throw new ServiceError(
      'malformed_request',
      `The charset "${shown}" is not taken here. Send UTF-8, and charset=utf-8 or none.`,
    );
  }
}

const charsetPattern = /;\s*charset\s*=\s*"?([^";\s]+)/gi;
const knownCharsets: ReadonlySet<string> = new Set(['utf-8', 'utf8', 'us-ascii', 'ascii']);

/** The content type without its parameters, in lower case. */
export function mediaTypeOf(exchange: Exchange): string {
  const sent = headerOf(exchange, 'content-type');
  // As nearly everybody sends it.
  if (sent === 'application/json' || sent === 'application/grpc') return sent;
  return sent.split(';', 1)[0]!.trim().toLowerCase();
}

/**
 * Throws a ServiceError `unsupported_media_type` if the request's type is not one of `known`. Returns
 * undefined, as `Endpoint.begin` does where the caller sets no deadline.
 */
export function checkContentType(exchange: Exchange, known: readonly string[]): undefined {
  const type = mediaTypeOf(exchange);
  if (known.includes(type)) return undefined;
  throw new ServiceError(
    'unsupported_media_type',
    `The content type "${type.slice(0, 60)}" is not taken here. Use ${known.join(' or ')}.`,
  );
}
