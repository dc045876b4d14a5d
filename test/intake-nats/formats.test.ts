import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { idempotencyKeyOf } from '../../src/event/event-id.ts';
import { runCli } from '../cli/run-cli.ts';
import { startOperatorsNats, type OperatorsNats } from '../destinations/nats-server.ts';
import { openGate, type Kept, type OpenGate } from '../endpoints/open-gate.ts';
import { order, orderWithout } from '../endpoints/sample-events.ts';
import { makeStream, settledAll, type OperatorsStream } from './operators-stream.ts';

const requestBytesMax = 64 * 1024;

let nats: OperatorsNats;
let orders: OperatorsStream;
let cloud: OperatorsStream;
let again: OperatorsStream;
let gate: OpenGate;

beforeAll(async () => {
  nats = await startOperatorsNats();
  orders = await makeStream(nats, 'ORDERS');
  cloud = await makeStream(nats, 'CLOUD');
  again = await makeStream(nats, 'AGAIN');
  gate = await openGate({
    yaml:
      `intake:\n  nats:\n${orders.yaml('orders')}` +
      cloud.yaml('cloud', { format: 'cloudevents' }) +
      again.yaml('again'),
    env: {
      HEADGATE_LIMITS_REQUEST_BYTES_MAX: String(requestBytesMax),
      HEADGATE_LIMITS_EVENT_BYTES_MAX: '32768',
      HEADGATE_LIMITS_BATCH_EVENTS_MAX: '3',
    },
  });
});

afterAll(async () => {
  await gate[Symbol.asyncDispose]();
  await nats[Symbol.asyncDispose]();
});

interface Came {
  readonly events: readonly Kept[];
  readonly rejected: readonly Kept[];
}

/** What the messages that `publish` sends became, once all of them are acknowledged. */
async function after(stream: OperatorsStream, publish: () => Promise<unknown>): Promise<Came> {
  const [event, refused] = await Promise.all([gate.last('EVENTS'), gate.last('REJECTED')]);
  await publish();
  await expect.poll(() => settledAll(stream), { timeout: 10_000 }).toBe(true);
  return { events: await gate.events(event), rejected: await gate.rejected(refused) };
}

const stored = ({ bytes }: Kept) => JSON.parse(bytes.toString()) as Record<string, unknown>;

describe('format headgate', () => {
  test('a message is one event: its key, its trace, and where it came from', async () => {
    const event = order();
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const { events } = await after(orders, () =>
      orders.publish(event, { traceparent, 'X-Correlation-Id': 'order-7' }),
    );
    expect(events.map(stored)).toMatchObject([
      {
        source: 'orders',
        eventName: 'order_completed',
        idempotencyKey: event['idempotency_key'],
        traceparent,
        correlationId: 'order-7',
      },
    ]);
    expect(events[0]!.header('Headgate-Door')).toBe('nats');
  });

  test('a message is a batch, as POST /v1/batch takes it', async () => {
    const { events } = await after(orders, () =>
      orders.publish({ events: [order(), order(), order()], context: { app: { name: 'till' } } }),
    );
    expect(events.map((each) => stored(each)['context'])).toEqual(
      Array.from({ length: 3 }, () => ({ app: { name: 'till' } })),
    );
  });

  test('an event without a key has that of Nats-Msg-Id, else one of its place', async () => {
    const id = randomUUID();
    const bare = orderWithout('idempotency_key');
    const first = await after(orders, () => orders.publish(bare, { 'Nats-Msg-Id': id }));
    expect(stored(first.events[0]!)['idempotencyKey']).toBe(id);

    const second = await after(orders, () => orders.publish(bare, { 'Nats-Msg-Id': 'order 12' }));
    expect(stored(second.events[0]!)['idempotencyKey']).toBe(idempotencyKeyOf('nats', 'order 12'));

    const third = await after(orders, async () => {
      await orders.publish(bare);
      await orders.publish({ events: [bare, bare, { ...bare, idempotency_key: '' }] });
    });
    const keys = third.events.map((each) => stored(each)['idempotencyKey']);
    expect(new Set(keys).size).toBe(4);
  });

  test.each<[string, string | Uint8Array, string, string]>([
    ['empty', '', 'malformed_request', 'The message is empty.'],
    ['no JSON', '{"event_name": oops}', 'malformed_request', 'The message is not JSON'],
    ['no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'malformed_request', 'not UTF-8'],
    ['no object', '[1]', 'malformed_request', 'JSON object'],
    ['four in a batch', JSON.stringify({ events: [1, 2, 3, 4] }), 'too_many_events', '4 events'],
    ['an empty batch', '{"events":[]}', 'empty_batch', 'no events'],
    ['only to validate', JSON.stringify({ events: [order()], validate_only: true }), 'malformed_request', 'validate_only'], // prettier-ignore
    [
      'another name',
      JSON.stringify(order({ event_name: 'cart_viewed' })),
      'unplanned_event',
      'page_viewed',
    ],
    ['an unknown field', JSON.stringify(order({ more: 1 })), 'unknown_field', 'more'],
  ])('%s: is quarantined with the reason', async (_what, payload, code, text) => {
    const { events, rejected } = await after(orders, () => orders.publish(payload));
    expect(events).toEqual([]);
    expect(rejected).toHaveLength(1);
    expect(rejected[0]!.subject).toMatch(/^headgate\.rejected\.orders\..*\.quarantined\./);
    expect(rejected[0]!.header('Headgate-Error-Code')).toBe(code);
    expect(rejected[0]!.header('Headgate-Error')).toContain(text);
    expect(rejected[0]!.header('Headgate-Door')).toBe('nats');
  });

  test('events of a stream that is made again are no duplicates of its first ones', async () => {
    const bare = orderWithout('idempotency_key');
    const last = await gate.last('EVENTS');
    await again.publish(bare);
    await expect.poll(() => settledAll(again)).toBe(true);
    await nats.manager.streams.delete(again.stream);
    await nats.manager.streams.add({ name: again.stream, subjects: ['again.in'] });
    await again.addConsumer();
    expect(await again.publish(bare)).toBe(1);
    await expect.poll(() => settledAll(again), { timeout: 10_000 }).toBe(true);
    expect(await gate.events(last)).toHaveLength(2);
  });

  test('what waited in the stream keeps its time: sent_at is no sign of a wrong clock', async () => {
    const dayMs = 86_400_000;
    const at = new Date(Date.now() - 3 * dayMs).toISOString();
    const wrong = order({ occurred_at: at, properties: {} });
    const { events, rejected } = await after(orders, () =>
      orders.publish({ events: [order({ occurred_at: at }), wrong], sent_at: at }),
    );
    expect(stored(events[0]!)).toMatchObject({ eventTime: at, occurredAt: at, sentAt: at });
    const last = await gate.last('EVENTS');
    const replay = ['rejected', 'replay', String(rejected[0]!.sequence)];
    const fixes = ['order_id=A', 'total=1', 'currency=EUR'].flatMap((set) => ['--set', `properties.${set}`]); // prettier-ignore
    await runCli([...replay, ...fixes, '--admin', gate.real.adminUrl]);
    expect((await gate.events(last)).map(stored)).toMatchObject([{ eventTime: at, sentAt: at }]);
  });

  test('a bad event of a batch leaves the others as they are', async () => {
    const { events, rejected } = await after(orders, () =>
      orders.publish({ events: [order(), order({ event_name: 'nobody_knows' }), order()] }),
    );
    expect([events.length, rejected.length]).toEqual([2, 1]);
  });

  test('a message of request_bytes_max is taken, one byte more is quarantined', async () => {
    const text = JSON.stringify(order());
    const atLimit = await after(orders, () => orders.publish(text.padEnd(requestBytesMax)));
    expect([atLimit.events.length, atLimit.rejected.length]).toEqual([1, 0]);
    const beyond = await after(orders, () => orders.publish(text.padEnd(requestBytesMax + 1)));
    expect(beyond.events).toEqual([]);
    expect(beyond.rejected[0]!.header('Headgate-Error-Code')).toBe('request_too_large');
    expect(beyond.rejected[0]!.bytes).toHaveLength(requestBytesMax + 1);
  });

  test('an event beyond event_bytes_max is quarantined', async () => {
    const { rejected } = await after(orders, () =>
      orders.publish(order({ context: { text: 'x'.repeat(32_768) } })),
    );
    expect(rejected[0]!.header('Headgate-Error-Code')).toBe('event_too_large');
  });
});

describe('format cloudevents', () => {
  const attributes = { specversion: '1.0', source: '/till', type: 'order_completed' };
  const data = { order_id: 'C-1', total: 1.5, currency: 'EUR' };

  test('structured, with its own trace', async () => {
    const id = randomUUID();
    const traceparent = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`;
    const { events } = await after(cloud, () =>
      cloud.publish({ ...attributes, id, subject: 'user-1', traceparent, data }, {}),
    );
    expect(stored(events[0]!)).toMatchObject({
      source: 'cloud',
      eventName: 'order_completed',
      idempotencyKey: id,
      userId: 'user-1',
      properties: data,
      traceparent,
    });
  });

  test('binary, by headers in any case', async () => {
    const id = randomUUID();
    const named = { 'ce-specversion': '1.0', 'Ce-Source': '/till', 'CE-Type': 'order_completed' };
    const { events } = await after(cloud, () =>
      cloud.publish(data, { ...named, 'ce-id': id, 'ce-subject': 'user%202' }),
    );
    expect(stored(events[0]!)).toMatchObject({ idempotencyKey: id, userId: 'user 2', properties: data }); // prettier-ignore
  });

  test('batched', async () => {
    const batch = [1, 2].map(() => ({ ...attributes, id: randomUUID(), subject: 'u', data }));
    const { events } = await after(cloud, () =>
      cloud.publish(batch, { 'Content-Type': 'application/cloudevents-batch+json; charset=utf-8' }),
    );
    expect(events).toHaveLength(2);
  });

  test.each<[string, unknown, Record<string, string>, string]>([
    ['without an id', { ...attributes, subject: 'u', data }, {}, 'invalid_field'],
    ['empty', '', {}, 'malformed_request'],
    ['binary without JSON', 'total: 3', { 'ce-id': 'a', 'ce-type': 'b' }, 'malformed_request'],
  ])('%s: is quarantined, attributes and all', async (_what, payload, named, code) => {
    const { events, rejected } = await after(cloud, () => cloud.publish(payload, named));
    expect(events).toEqual([]);
    expect(rejected[0]!.header('Headgate-Error-Code')).toBe(code);
    for (const value of Object.values(named)) {
      expect(rejected[0]!.bytes.toString()).toContain(JSON.stringify(value));
    }
  });
});
