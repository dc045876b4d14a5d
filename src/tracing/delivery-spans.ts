import {
  context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Link,
} from '@opentelemetry/api';

import { readTraceparent } from './trace-context.ts';
import { registeredTracer } from './tracer.ts';

/** An event that a worker holds: delivery/held-event.ts. */
export interface DeliveredEvent {
  readonly stream: string;
  readonly sequence: number;
  readonly attempt: number;
  readonly message: { header(name: string): string };
}

interface TracedReport {
  /** Undefined if the worker is stopping. */
  readonly outcomes: readonly { readonly kind: string }[] | undefined;
}

export type TraceDelivery = <Report extends TracedReport>(
  events: readonly DeliveredEvent[],
  call: () => Promise<Report>,
) => Promise<Report>;

/** SDKs keep 128 links by default and discard more. */
const linksMax = 128;

/**
 * Traces each call to a destination as a consumer span. If all events belong to one trace, the span
 * continues it. Events of several traces are linked from a new trace, because a span has only one
 * parent. Undefined if tracing is off.
 */
export function traceDeliveries(destination: string): TraceDelivery | undefined {
  const tracer = registeredTracer();
  if (tracer === undefined) return undefined;
  return async (events, call) => {
    const links = linksOf(events);
    const attributes = attributesOf(destination, events);
    const parent =
      links.length === 1 ? trace.setSpanContext(ROOT_CONTEXT, links[0]!.context) : ROOT_CONTEXT;
    const options = { kind: SpanKind.CONSUMER, attributes, ...(links.length > 1 && { links }) };
    const span = tracer.startSpan(`deliver ${destination}`, options, parent);
    try {
      const report = await context.with(trace.setSpan(parent, span), call);
      const failed =
        report.outcomes?.filter(({ kind }) => kind !== 'delivered').length ?? events.length;
      span.setAttribute('headgate.events.delivered', events.length - failed);
      if (failed > 0) span.setStatus({ code: SpanStatusCode.ERROR });
      return report;
    } finally {
      span.end();
    }
  };
}

/** One link for each publish span. The events of one request share it. */
function linksOf(events: readonly DeliveredEvent[]): Link[] {
  const seen = new Set<string>();
  const links: Link[] = [];
  for (const { message } of events) {
    const traceparent = message.header('traceparent');
    if (traceparent === '' || seen.has(traceparent)) continue;
    seen.add(traceparent);
    const found = readTraceparent(traceparent, message.header('tracestate'));
    if (found !== undefined) links.push({ context: found });
    if (links.length === linksMax) break;
  }
  return links;
}

/** https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/ */
function attributesOf(destination: string, events: readonly DeliveredEvent[]): Attributes {
  const first = events[0]!;
  const attributes: Attributes = {
    'messaging.system': 'nats',
    'messaging.operation.type': 'process',
    'messaging.operation.name': 'deliver',
    'messaging.destination.name': first.stream,
    'messaging.consumer.group.name': destination,
  };
  if (events.length > 1) return { ...attributes, 'messaging.batch.message_count': events.length };
  attributes['messaging.message.id'] = String(first.sequence);
  attributes['messaging.message.conversation_id'] = first.message.header('Headgate-Correlation-Id');
  attributes['headgate.attempt'] = first.attempt;
  return attributes;
}
