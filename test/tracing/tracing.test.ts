import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { expect, onTestFinished, test } from 'vitest';

import { writeTraceparent } from '../../src/tracing/trace-context.ts';
import { prepareGate, type GateProcess, type GateRun } from '../crash/gate-process.ts';
import { until } from '../delivery/rig.ts';
import {
  startHttpServer,
  type ReceivedRequest,
  type RealHttpServer,
} from '../destinations/http-server.ts';
import { order, type Sample } from '../endpoints/sample-events.ts';
import { knock, wireEndpoints, type WireEndpoint } from '../endpoints/wire-endpoints.ts';
import { closeSessions } from '../endpoints/wire.ts';
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from './otlp-receiver.ts';

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const waitMs = 60_000;

let collector: OtlpReceiver;
let single: RealHttpServer;
let batched: RealHttpServer;
let application: NodeTracerProvider;
let gate: GateProcess;
let run: GateRun;
/** The receiver of batches answers after this resolves. */
let release = Promise.withResolvers<void>();

async function start(): Promise<void> {
  collector = await startOtlpReceiver();
  single = await startHttpServer((_request, response) => void response.writeHead(204).end());
  batched = await startHttpServer((_request, response) => {
    void release.promise.then(() => response.writeHead(204).end());
  });
  application = new NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'shop' }),
    spanProcessors: [
      new SimpleSpanProcessor(new OTLPTraceExporter({ url: `${collector.endpoint}/v1/traces` })),
    ],
  });
  const webhook = (server: RealHttpServer): string =>
    `type: webhook, url: "http://127.0.0.1:${server.port}/in?token=hidden-in-the-query", ` +
    `secret: "${secret}", allow_private_addresses: true, concurrency: 1`;
  gate = await prepareGate({
    env: {
      // The setup of docs/operate/tracing.md.
      NODE_OPTIONS: '--import ./examples/tracing/otel.mjs',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      OTEL_SERVICE_NAME: 'gate',
      // The endpoints run in separate processes, which trace, too.
      HEADGATE_PROCESSES: '2',
      OTEL_BSP_SCHEDULE_DELAY: '100',
    },
    yaml: () =>
      `destinations:\n  crm: { ${webhook(single)} }\n  lake: { ${webhook(batched)}, batch_events: 50 }\n`,
  });
  onTestFinished(async () => {
    release.resolve();
    closeSessions(Number(new URL(gate.url).port));
    await gate[Symbol.asyncDispose]();
    await application.shutdown();
    await Promise.all([single.close(), batched.close(), collector[Symbol.asyncDispose]()]);
  });
  run = await gate.start();
}

/** Sends events within a span of the application, and returns its context. */
async function sendTraced(endpoint: WireEndpoint, events: Sample[]) {
  const span = application.getTracer('shop').startSpan('checkout');
  const headers = {
    traceparent: writeTraceparent(span.spanContext()),
    tracestate: 'shop=t61rcWkgMzE',
    'x-correlation-id': `c-${span.spanContext().spanId}`,
  };
  const body = endpoint.frame(endpoint.encode(events));
  await knock(Number(new URL(gate.url).port), endpoint, { body, headers });
  span.end();
  return span.spanContext();
}

const spansOf = (traceId: string): ReceivedSpan[] =>
  collector.spans().filter((span) => span.traceId === traceId);

const spanOf = (request: ReceivedRequest): string =>
  /^00-\w{32}-(\w{16})-01$/.exec(String(request.headers['traceparent']))![1]!;

const byName = (spans: readonly ReceivedSpan[], name: string): ReceivedSpan =>
  spans.find((span) => span.name === name)!;

const trackEndpoints = wireEndpoints.filter(({ rpc }) => rpc === 'Track');

test('one trace runs from the application to the destination, through every endpoint', async () => {
  await start();
  for (const endpoint of trackEndpoints) await followOneTrace(endpoint);
  await followVendorEndpoint();
  await followBatch();
  await followRefusal();
  expect(await stopAndFlush()).toBe(0);
}, 180_000);

async function followOneTrace(endpoint: WireEndpoint): Promise<void> {
  const before = single.received.length;
  const { traceId, spanId } = await sendTraced(endpoint, [order()]);
  const requests = await until(
    () => single.received.slice(before),
    (all) => all.length === 1,
    waitMs,
  );
  const { path } = endpoint;
  const endpointName = path.startsWith('/v1/') ? `POST ${path}` : path.slice(1);
  const names = ['checkout', endpointName, 'publish EVENTS', 'deliver crm', 'POST'];
  const spans = await until(
    () => spansOf(traceId),
    (all) => names.every((name) => byName(all, name) !== undefined),
    waitMs,
  );
  const checkout = byName(spans, 'checkout');
  const publish = byName(spans, 'publish EVENTS');
  const deliver = byName(spans, 'deliver crm');
  const post = byName(spans, 'POST');
  const entered = spans.find(({ spanId: id }) => id === publish.parentSpanId)!;
  expect([checkout.service, checkout.spanId]).toEqual(['shop', spanId]);
  expect([entered.service, entered.kind, entered.parentSpanId]).toEqual(['gate', 2, spanId]);
  expect(entered.name).toBe(endpointName);
  expect(entered.attributes['http.response.status_code']).toBe(
    endpoint.family === 'rest' ? 202 : 200,
  );
  expect(publish).toMatchObject({
    kind: 4,
    attributes: {
      'messaging.system': 'nats',
      'messaging.operation.type': 'send',
      'messaging.destination.name': 'EVENTS',
      'messaging.batch.message_count': 1,
      'messaging.message.conversation_id': `c-${spanId}`,
      'headgate.events.accepted': 1,
    },
  });
  expect(deliver).toMatchObject({
    kind: 5,
    parentSpanId: publish.spanId,
    attributes: {
      'messaging.operation.type': 'process',
      'messaging.consumer.group.name': 'crm',
      'messaging.message.conversation_id': `c-${spanId}`,
      'headgate.attempt': 1,
    },
  });
  expect(post).toMatchObject({
    kind: 3,
    parentSpanId: deliver.spanId,
    attributes: { 'http.response.status_code': 204, 'server.port': single.port },
  });
  // The destination receives the context of the request's span, and the application's trace state.
  expect(spanOf(requests[0]!)).toBe(post.spanId);
  expect(requests[0]!.headers['traceparent']).toContain(traceId);
  expect(requests[0]!.headers['tracestate']).toBe('shop=t61rcWkgMzE');
  expect(requests[0]!.headers['x-correlation-id']).toBe(`c-${spanId}`);
  expect(JSON.stringify(spans)).not.toContain('hidden-in-the-query');
}

/** A vendor's endpoint is traced like any other. */
async function followVendorEndpoint(): Promise<void> {
  const span = application.getTracer('shop').startSpan('page');
  const { traceId, spanId } = span.spanContext();
  const traceparent = writeTraceparent(span.spanContext());
  const answer = await fetch(`${gate.url}/capture/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', traceparent },
    body: JSON.stringify({
      type: 'track',
      event: 'Order Completed',
      userId: 'u-1',
      messageId: 'm-1',
    }),
  });
  await answer.body?.cancel();
  span.end();
  const spans = await until(
    () => spansOf(traceId),
    (all) => all.some((one) => one.parentSpanId === spanId),
    waitMs,
  );
  expect(spans.find((one) => one.parentSpanId === spanId)!.name).toBe('POST /capture/');
}

/** A batch with events of several traces has its own trace, with links to theirs. */
async function followBatch(): Promise<void> {
  release.resolve();
  const rest = wireEndpoints.find(({ path }) => path === '/v1/batch')!;
  // While one call waits for its answer, new events collect in the next batch.
  await until(
    () => batched.received.length,
    (count) => count > 0,
    waitMs,
  );
  release = Promise.withResolvers<void>();
  const before = batched.received.length;
  await sendTraced(rest, [order()]);
  await until(
    () => batched.received.length,
    (count) => count > before,
    waitMs,
  );
  const sent = [await sendTraced(rest, [order(), order()]), await sendTraced(rest, [order()])];
  release.resolve();
  const traceIds = sent.map(({ traceId }) => traceId);
  const span = await until(
    () =>
      collector
        .spans()
        .find(
          ({ name, links }) =>
            name === 'deliver lake' && links.some(({ traceId }) => traceId === traceIds[0]),
        ),
    (found) => found !== undefined,
    waitMs,
  );
  // The two events of one request share a link. Earlier events may be in the same batch.
  const linked = span!.links.filter(({ traceId }) => traceIds.includes(traceId));
  expect(linked.map(({ traceId }) => traceId)).toEqual(traceIds);
  expect(span!.attributes['messaging.batch.message_count']).toBe(span!.links.length + 1);
  expect(span!.parentSpanId).toBe('');
  expect(traceIds).not.toContain(span!.traceId);
  const published = await until(
    () => traceIds.map((traceId) => byName(spansOf(traceId), 'publish EVENTS')?.spanId),
    (ids) => ids.every((id) => id !== undefined),
    waitMs,
  );
  expect(linked.map(({ spanId }) => spanId)).toEqual(published);
  const request = await until(
    () =>
      batched.received.find(({ headers }) =>
        String(headers['traceparent']).includes(span!.traceId),
      ),
    (found) => found !== undefined,
    waitMs,
  );
  expect(request).toBeDefined();
}

/** A refused request is a span without a server error. */
async function followRefusal(): Promise<void> {
  const endpoint = wireEndpoints.find(({ path }) => path === '/v1/track')!;
  const { traceId, spanId } = await sendTraced(endpoint, [order({ user_id: 'null' })]);
  const spans = await until(
    () => spansOf(traceId),
    (all) => all.length >= 3,
    waitMs,
  );
  const server = spans.find(({ parentSpanId }) => parentSpanId === spanId)!;
  expect(server.attributes).toMatchObject({ 'http.response.status_code': 422 });
  expect(server.attributes['error.type']).toBeUndefined();
  expect(byName(spans, 'publish EVENTS').attributes).toMatchObject({
    'headgate.events.rejected': 1,
  });
}

/** The remaining spans are sent before the process ends. */
async function stopAndFlush(): Promise<number | null> {
  const endpoint = wireEndpoints.find(({ path }) => path === '/v1/track')!;
  const { traceId } = await sendTraced(endpoint, [order()]);
  run.kill('SIGTERM');
  const { code } = await run.exit;
  expect(spansOf(traceId).map(({ name }) => name)).toEqual(
    expect.arrayContaining(['POST /v1/track', 'publish EVENTS']),
  );
  return code;
}
