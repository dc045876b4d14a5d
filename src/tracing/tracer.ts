import {
  ProxyTracerProvider,
  ROOT_CONTEXT,
  trace,
  type Context,
  type Tracer,
} from '@opentelemetry/api';

import { readTraceparent } from './trace-context.ts';

/**
 * Undefined: nobody registered a tracer, and nothing is to be done per event or request. Asked once,
 * when a stage is made, so that without a tracer there is not even a branch on the way of an event; a
 * tracer is there from the start of the process (`node --import ./otel.mjs`), or it is not used.
 */
export function registeredTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider();
  // The library's stand-in, which makes spans of nothing unless it has somebody behind it.
  if (provider instanceof ProxyTracerProvider) return provider.getDelegateTracer('headgate');
  return provider.getTracer('headgate');
}

/** What a span begun elsewhere is the parent of. The root, where the header is none. */
export function remoteContext(traceparent: string, tracestate: string): Context {
  const parent = readTraceparent(traceparent, tracestate);
  return parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
}
