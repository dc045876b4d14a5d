import { SpanKind, SpanStatusCode, type Attributes, type Span } from '@opentelemetry/api';

import { writeTraceparent, writeTracestate } from './trace-context.ts';
import { registeredTracer, remoteContext } from './tracer.ts';

/** The fields of gate/accept/accept-events.ts that tracing reads. */
interface TracedBatch {
  readonly events: readonly unknown[];
  readonly validateOnly: boolean;
}

interface TracedArrival {
  readonly producer: { readonly source: string };
  readonly correlationId: string;
  readonly traceparent: string;
  readonly tracestate: string;
}

type Accept<Batch, Arrival, Verdict> = (
  batch: Batch,
  arrival: Arrival,
  onVerdicts: (verdicts: Verdict[]) => void,
  onError: (error: unknown) => void,
) => void;

/**
 * Traces the events that a request stores as one producer span. The events carry the span's context
 * into the log, and from there to their destinations. Without a tracer, returns `accept` itself.
 */
export function tracePublishing<
  Batch extends TracedBatch,
  Arrival extends TracedArrival,
  Verdict extends { readonly status: string },
>(accept: Accept<Batch, Arrival, Verdict>): Accept<Batch, Arrival, Verdict> {
  const tracer = registeredTracer();
  if (tracer === undefined) return accept;
  return (batch, arrival, onVerdicts, onError) => {
    if (batch.validateOnly) {
      accept(batch, arrival, onVerdicts, onError);
      return;
    }
    const parent = remoteContext(arrival.traceparent, arrival.tracestate);
    const attributes = attributesOf(batch, arrival);
    const span = tracer.startSpan(
      'publish EVENTS',
      { kind: SpanKind.PRODUCER, attributes },
      parent,
    );
    const own = span.spanContext();
    const traced = {
      ...arrival,
      traceparent: writeTraceparent(own),
      tracestate: writeTracestate(own),
    };
    accept(
      batch,
      traced,
      (verdicts) => {
        recordVerdicts(span, verdicts);
        span.end();
        onVerdicts(verdicts);
      },
      (error) => {
        span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
        onError(error);
      },
    );
  };
}

/** https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/ */
function attributesOf({ events }: TracedBatch, arrival: TracedArrival): Attributes {
  return {
    'messaging.system': 'nats',
    'messaging.operation.type': 'send',
    'messaging.operation.name': 'publish',
    'messaging.destination.name': 'EVENTS',
    'messaging.batch.message_count': events.length,
    'messaging.message.conversation_id': arrival.correlationId,
    'headgate.source': arrival.producer.source,
  };
}

function recordVerdicts(span: Span, verdicts: readonly { readonly status: string }[]): void {
  if (!span.isRecording()) return;
  const counts = new Map<string, number>();
  for (const { status } of verdicts) counts.set(status, (counts.get(status) ?? 0) + 1);
  for (const [status, count] of counts) span.setAttribute(`headgate.events.${status}`, count);
  if (counts.has('retry')) span.setStatus({ code: SpanStatusCode.ERROR });
}
