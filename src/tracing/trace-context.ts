import { createTraceState, type SpanContext } from '@opentelemetry/api';

/** https://www.w3.org/TR/trace-context/#traceparent-header, version 00. */
const pattern = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/**
 * Undefined if the header is malformed or an id is all zeros, which the standard says to ignore.
 */
export function readTraceparent(traceparent: string, tracestate: string): SpanContext | undefined {
  const found = pattern.exec(traceparent);
  if (found === null) return undefined;
  const [, traceId = '', spanId = '', flags = ''] = found;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  const context = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return tracestate === '' ? context : { ...context, traceState: createTraceState(tracestate) };
}

export function writeTraceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

/** Empty if the context has no trace state. */
export function writeTracestate({ traceState }: SpanContext): string {
  return traceState?.serialize() ?? '';
}
