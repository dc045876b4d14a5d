import type { IncomingHttpHeaders } from 'node:http';

import { SpanKind, SpanStatusCode, type Attributes, type Span } from '@opentelemetry/api';

import { writeTraceparent, writeTracestate } from './trace-context.ts';
import { registeredTracer, remoteContext } from './tracer.ts';

/** The part of a request that tracing reads: http/http-call.ts. */
export interface TracedCall {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  whenAnswered(listener: (end: CallEnd) => void): void;
}

interface CallEnd {
  /** Undefined if no answer was sent. */
  readonly status: number | undefined;
  readonly grpcStatus: string | undefined;
}

/**
 * Traces each request to an endpoint as a server span, a child of the caller's span, and replaces
 * the trace headers of the request with the context of the new span. `routeOf` returns the name of
 * an endpoint for events, from a closed set; other requests (health, reflection) have no span.
 * Without a tracer, returns `handle` itself.
 */
export function traceRequests<Call extends TracedCall>(
  handle: (call: Call) => void,
  routeOf: (path: string) => string | undefined,
): (call: Call) => void {
  const tracer = registeredTracer();
  if (tracer === undefined) return handle;
  return (call) => {
    const { headers, method } = call;
    const route = routeOf(call.url.split('?', 1)[0]!);
    if (route === undefined) {
      handle(call);
      return;
    }
    const parent = remoteContext(textOf(headers['traceparent']), textOf(headers['tracestate']));
    const span = tracer.startSpan(
      rpcPattern.test(route) ? route.slice(1) : `${knownMethod(method)} ${route}`,
      { kind: SpanKind.SERVER, attributes: attributesOf(knownMethod(method), route, headers) },
      parent,
    );
    const own = span.spanContext();
    headers['traceparent'] = writeTraceparent(own);
    const tracestate = writeTracestate(own);
    if (tracestate !== '') headers['tracestate'] = tracestate;
    else delete headers['tracestate'];
    call.whenAnswered((end) => endSpan(span, end));
    handle(call);
  };
}

function textOf(header: string | string[] | undefined): string {
  return typeof header === 'string' ? header : '';
}

const rpcPattern = /^\/headgate\.v1\.\w+\/\w+$/;

/** Unknown methods become `_OTHER`, as the conventions require: span names are a closed set. */
function knownMethod(method: string): string {
  return /^(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH)$/.test(method) ? method : '_OTHER';
}

function attributesOf(verb: string, route: string, headers: IncomingHttpHeaders): Attributes {
  const attributes: Attributes = { 'http.request.method': verb, 'http.route': route };
  if (!rpcPattern.test(route)) return attributes;
  const [, service = '', method = ''] = route.split('/');
  const isGrpc = textOf(headers['content-type']).startsWith('application/grpc');
  attributes['rpc.system'] = isGrpc ? 'grpc' : 'connect_rpc';
  attributes['rpc.service'] = service;
  attributes['rpc.method'] = method;
  return attributes;
}

function endSpan(span: Span, { status, grpcStatus }: CallEnd): void {
  if (status !== undefined) span.setAttribute('http.response.status_code', status);
  if (grpcStatus !== undefined) span.setAttribute('rpc.grpc.status_code', Number(grpcStatus));
  // An error of the caller is no error of the server span.
  if (status === undefined || status >= 500 || serverErrors.has(grpcStatus ?? '')) {
    span.setAttribute('error.type', String(grpcStatus ?? status ?? 'canceled'));
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end();
}

/** UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
const serverErrors: ReadonlySet<string> = new Set(['2', '4', '12', '13', '14', '15']);
