// Sends Headgate's traces to an OpenTelemetry collector: docs/operate/tracing.md.
//
//   npm install @opentelemetry/sdk-trace-node @opentelemetry/exporter-trace-otlp-http @opentelemetry/resources
//   NODE_OPTIONS="--import ./examples/tracing/otel.mjs" npm start
import { isMainThread } from 'node:worker_threads';

import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

// The threads of destinations create no spans.
if (isMainThread) {
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({
      'service.name': process.env.OTEL_SERVICE_NAME ?? 'headgate',
    }),
    // OTEL_EXPORTER_OTLP_ENDPOINT sets the collector (default http://localhost:4318), and
    // OTEL_TRACES_SAMPLER the share of traces.
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  provider.register();
  // When the gate has drained, sends the remaining spans before the process ends.
  process.once('beforeExit', () => void provider.shutdown());
}
