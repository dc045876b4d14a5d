import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';

import { writeTraceparent, writeTracestate } from './trace-context.ts';
import { registeredTracer } from './tracer.ts';

export type RequestHeaders = Readonly<Record<string, string>>;

/** Calls `send` with the traced headers. `statusOf` reads the answer's status, if it has one. */
export type TraceHttpRequest = <Reply>(
  headers: RequestHeaders,
  send: (headers: RequestHeaders) => Promise<Reply>,
  statusOf: (reply: Reply) => number | undefined,
) => Promise<Reply>;

/**
 * Traces each request to a destination as a client span, and sends the span's context with the
 * request. Path and query are not recorded, because they may contain credentials. Undefined if
 * tracing is off.
 */
export function traceHttpRequests(url: URL): TraceHttpRequest | undefined {
  const tracer = registeredTracer();
  if (tracer === undefined) return undefined;
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  const attributes = {
    'http.request.method': 'POST',
    'server.address': url.hostname,
    'server.port': port,
    'url.scheme': url.protocol.slice(0, -1),
  };
  return async (headers, send, statusOf) => {
    // The span of the delivery that sends this request.
    const parent = context.active();
    const span = tracer.startSpan('POST', { kind: SpanKind.CLIENT, attributes }, parent);
    const own = span.spanContext();
    const traced: Record<string, string> = { ...headers, traceparent: writeTraceparent(own) };
    const tracestate = writeTracestate(own);
    if (tracestate !== '') traced['tracestate'] = tracestate;
    try {
      const reply = await context.with(trace.setSpan(parent, span), () => send(traced));
      const status = statusOf(reply);
      if (status !== undefined) span.setAttribute('http.response.status_code', status);
      if (status === undefined || status >= 400) {
        span.setAttribute('error.type', String(status ?? 'no_answer'));
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      return reply;
    } finally {
      span.end();
    }
  };
}
