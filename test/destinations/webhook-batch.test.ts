import { Webhook } from 'standardwebhooks';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { DestinationSettings } from '../../src/destinations/destination.ts';
import { createWebhookDestination } from '../../src/destinations/webhook/webhook.ts';
import { startRealLog } from '../real-log.ts';
import {
  destinationConfig,
  publishEvents,
  readAttempts,
  startWorker,
  until,
} from '../delivery/rig.ts';
import { deliverAll, deliveryOfEvent, never } from './deliveries.ts';
import { startHttpServer, type ReceivedRequest } from './http-server.ts';
import { webhookSecret, webhookSettings } from './webhook-far-side.ts';

async function open(more: DestinationSettings = {}) {
  const server = await startHttpServer((_request, response) => void response.end());
  const destination = createWebhookDestination('crm', webhookSettings(server.port, more));
  onTestFinished(async () => {
    await destination.close();
    await server.close();
  });
  return { server, destination };
}

const deliveries = (length: number) => Array.from({ length }, () => deliveryOfEvent());

interface Message {
  readonly type: string;
  readonly timestamp: string;
  readonly data: unknown;
}

function verified({ headers, body }: ReceivedRequest): Message {
  return new Webhook(webhookSecret).verify(body, headers as Record<string, string>) as Message;
}

describe('several events a request', () => {
  test('are a signed list of what single requests would have held', async () => {
    const { server, destination } = await open({ batch_events: 10 });
    const batch = deliveries(3);
    const outcomes = await destination.deliver(batch, never);
    expect(outcomes).toEqual(batch.map(() => ({ kind: 'delivered' })));
    expect(server.received).toHaveLength(1);
    const events = batch.map((delivery) => delivery.event());
    expect(verified(server.received[0]!)).toEqual({
      type: 'batch',
      timestamp: events[0]!.timestamp,
      data: events.map((event) => ({
        type: event.eventName,
        timestamp: event.timestamp,
        data: event,
      })),
    });
  });

  test('have an id that is the same on every attempt, and another in other company', async () => {
    const { server, destination } = await open({ batch_events: 10 });
    const batch = deliveries(3);
    await destination.deliver(batch, never);
    await destination.deliver(batch, never);
    await destination.deliver(batch.slice(1), never);
    const ids = server.received.map(({ headers }) => headers['webhook-id']);
    expect(ids[0]).toMatch(/^batch_[0-9a-f]{32}$/);
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
  });

  test('are sent as a list, even for one event', async () => {
    const { server, destination } = await open({ batch_events: 2 });
    await destination.deliver(deliveries(1), never);
    expect(verified(server.received[0]!)).toMatchObject({ type: 'batch', data: [{}] });
  });

  test('above 1 MiB become several requests', async () => {
    const { server, destination } = await open({ batch_events: 100 });
    const text = 'x'.repeat(300_000);
    const large = Array.from({ length: 7 }, () => deliveryOfEvent({ properties: { text } }));
    const outcomes = await destination.deliver(large, never);
    expect(outcomes.every(({ kind }) => kind === 'delivered')).toBe(true);
    expect(server.received.map(({ body }) => lengthOf(body))).toEqual([3, 3, 1]);
  });

  test('a failure of the endpoint ends the attempt for all events', async () => {
    const { server, destination } = await open({ batch_events: 100 });
    server.respond = (_request, response) => void response.writeHead(503).end();
    const outcomes = await destination.deliver(deliveries(50), never);
    expect(outcomes.map((outcome) => outcome.kind === 'retry' && outcome.fault)).toEqual(
      Array.from({ length: 50 }, () => 'destination'),
    );
    expect(server.received).toHaveLength(1);
  });
});

const lengthOf = (body: Buffer): number =>
  (JSON.parse(body.toString()) as { data: unknown[] }).data.length;

describe('requests_per_second', () => {
  test('the rate holds over all calls, and calls that would wait too long are not accepted', async () => {
    const { server, destination } = await open({ requests_per_second: 50, concurrency: 8 });
    const startMs = performance.now();
    await deliverAll(destination, deliveries(21));
    // Twenty intervals of 20 ms after the first; a timer of Node may fire up to 1 ms early.
    expect(performance.now() - startMs).toBeGreaterThan(395);
    expect(server.received).toHaveLength(21);
    const slow = await open({ requests_per_second: 1, concurrency: 256 });
    expect(slow.destination.concurrency).toBe(10);
  });

  test('an abort ends the wait for a turn', async () => {
    const { server, destination } = await open({ requests_per_second: 1 });
    await destination.deliver(deliveries(1), never);
    const abort = new AbortController();
    const waiting = destination.deliver(deliveries(1), abort.signal);
    abort.abort();
    expect(await waiting).toMatchObject([{ kind: 'retry', reason: 'the delivery was stopped' }]);
    expect(server.received).toHaveLength(1);
  });
});

describe('410', () => {
  test('closes the endpoint until a restart, and loses nothing', async () => {
    const { server, destination } = await open();
    server.respond = (_request, response) => void response.writeHead(410).end();
    const gone = {
      kind: 'retry',
      fault: 'destination',
      status: '410',
      reason: expect.stringMatching(/^answered 410; the endpoint is gone for good.*restart/),
    };
    expect(await destination.deliver(deliveries(1), never)).toMatchObject([gone]);
    server.respond = (_request, response) => void response.end();
    expect(await destination.deliver(deliveries(1), never)).toMatchObject([gone]);
    expect(server.received).toHaveLength(1);
    const restarted = createWebhookDestination('crm', webhookSettings(server.port));
    expect(await restarted.deliver(deliveries(1), never)).toEqual([{ kind: 'delivered' }]);
    await restarted.close();
  });
});

test('every failed attempt is in the log, with its status and the event it was of', async () => {
  const { server, destination } = await open({ timeout: 1500 });
  const answers: (number | undefined)[] = [422, 500, undefined, 302, 410];
  server.respond = (_request, response) => {
    const status = answers[Math.min(server.received.length, answers.length) - 1];
    if (status !== undefined) response.writeHead(status).end();
  };
  await using real = await startRealLog();
  const { log } = real;
  const config = destinationConfig({ retry: { attempts: 3, baseMs: 1, capMs: 1 } });
  const worker = await startWorker(log, destination, { config });
  const [eventId] = await publishEvents(log, 1);
  const attempts = await until(
    () => readAttempts(log),
    (entries) => entries.length >= 7,
    30_000,
  );
  await worker.stop();
  expect(attempts.slice(0, 5).map(({ status }) => status)).toEqual([
    '422',
    '500',
    '',
    '302',
    '410',
  ]);
  expect(attempts[2]?.error).toBe('no answer within 1500 ms');
  expect(attempts.slice(0, 5).map(({ charged }) => charged)).toEqual(
    answers.map((_status, index) => index === 0),
  );
  for (const attempt of attempts) expect(attempt).toMatchObject({ eventId, destination: 'crm' });
  // Gone: what follows are probes that end here, and the far side hears of none.
  expect(attempts.at(-1)?.status).toBe('410');
  expect(server.received).toHaveLength(5);
});
