// Traces of Headgate to an OpenTelemetry collector: docs/operate/tracing.md.
//
//   npm install @opentelemetry/sdk-trace-node @opentelemetry/exporter-trace-otlp-http @opentelemetry/resources
//   NODE_OPTIONS="--import ./examples/tracing/otel.mjs" npm start
import { isMainThread } from 'node:worker_threads';

import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

// The threads of destinations make no spans.
if (isMainThread) {
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({
      'service.name': process.env.OTEL_SERVICE_NAME ?? 'headgate',
    }),
    // Where to: OTEL_EXPORTER_OTLP_ENDPOINT, else http://localhost:4318. How many: OTEL_TRACES_SAMPLER.
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  provider.register();
  // Once the gate has drained: what is left is sent before the process ends.
  process.once('beforeExit', () => void provider.shutdown());
}
