import {
  ProxyTracerProvider,
  ROOT_CONTEXT,
  trace,
  type Context,
  type Tracer,
} from '@opentelemetry/api';

import { readTraceparent } from './trace-context.ts';

/**
 * The tracer that the process registered; undefined if tracing is off. Each stage calls this once,
 * when it is created, so that without a tracer an event does not even cost a branch. Register a
 * tracer before the process starts its work (`node --import ./otel.mjs`); a later one is not used.
 */
export function registeredTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider();
  // The proxy of the library creates only no-op spans unless it delegates to a real provider.
  if (provider instanceof ProxyTracerProvider) return provider.getDelegateTracer('headgate');
  return provider.getTracer('headgate');
}

/** The context with the caller's span as parent; the root context if the header is malformed. */
export function remoteContext(traceparent: string, tracestate: string): Context {
  const parent = readTraceparent(traceparent, tracestate);
  return parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
}
