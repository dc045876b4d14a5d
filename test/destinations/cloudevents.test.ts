import { randomUUID } from 'node:crypto';

import { CloudEvent, HTTP } from 'cloudevents';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { eventIdOf } from '../../src/event/event-id.ts';
import type { Delivery, Destination } from '../../src/destinations/destination.ts';
import { createHttpApiDestination } from '../../src/destinations/http/http-api.ts';
import { readRecord } from '../../src/destinations/kafka/kafka.ts';
import { readMessage as readPubsubMessage } from '../../src/destinations/pubsub/message.ts';
import { readMessage } from '../../src/destinations/sqs/message.ts';
import { createNatsDestination } from '../../src/destinations/nats/nats.ts';
import { createWebhookDestination } from '../../src/destinations/webhook/webhook.ts';
import { openVendorGate, shopKey, type VendorGate } from '../vendors/vendor-gate.ts';
import { deliverAll, deliveryOf, deliveryOfEvent, storedEvent } from './deliveries.ts';
import { httpApiSettings } from './http-api-far-side.ts';
import { startHttpServer, type ReceivedRequest } from './http-server.ts';
import { natsSettings, readStream } from './nats-far-side.ts';
import { startOperatorsNats, type OperatorsNats } from './nats-server.ts';
import { webhookSettings } from './webhook-far-side.ts';

/** A request to our own endpoint. */
interface Message {
  readonly headers: Record<string, string>;
  readonly body: string;
}

const structured = 'application/cloudevents+json';
const batched = 'application/cloudevents-batch+json';
const digits = '12345678901234567890.50';
const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

let from: VendorGate;
let nats: OperatorsNats;
const deliveries: Delivery[] = [];

beforeAll(async () => {
  from = await openVendorGate();
  nats = await startOperatorsNats();
  for (const [index, time] of ['2026-03-01T12:00:00.123456Z', undefined].entries()) {
    const body =
      `{"event_name":"order_completed","user_id":"Zo\u00eb \\"%\\" ${index}","anonymous_id":"a1",` +
      `"idempotency_key":"${randomUUID()}",${time === undefined ? '' : `"occurred_at":"${time}",`}` +
      `"properties":{"order_id":"A${index}","total":${digits},"currency":"EUR"},` +
      `"context":{"page":{"url":"https://shop.example/\u00e9"},"count":1.5}}`;
    const answer = await send(from, '/v1/track', {
      headers: { 'content-type': 'application/json', traceparent: trace },
      body,
    });
    if (answer !== 202) throw new Error(`answered ${answer}`);
  }
  for (const { bytes } of await from.gate.events()) deliveries.push(deliveryOf(bytes));
});
afterAll(async () => {
  await from[Symbol.asyncDispose]();
  await nats[Symbol.asyncDispose]();
});

async function send({ gate }: VendorGate, path: string, message: Message): Promise<number> {
  const answer = await fetch(`${gate.url}${path}`, {
    method: 'POST',
    headers: { ...message.headers, authorization: `Bearer ${shopKey}` },
    body: message.body,
  });
  await answer.arrayBuffer();
  return answer.status;
}

async function deliver(destination: Destination): Promise<void> {
  const outcomes = await deliverAll(destination, deliveries);
  await destination.close();
  expect(outcomes.map(({ kind }) => kind)).toEqual(deliveries.map(() => 'delivered'));
}

type Open = (port: number) => Destination | Promise<Destination>;

async function overHttp(open: Open): Promise<Message[]> {
  const server = await startHttpServer((_request, response) => void response.end());
  await deliver(await open(server.port));
  await server.close();
  return server.received.map(({ headers, body }: ReceivedRequest) => ({
    headers: { 'content-type': String(headers['content-type']) },
    body: body.toString(),
  }));
}

async function overNats(format: string): Promise<Message[]> {
  await nats.manager.streams.add({ name: format, subjects: [`${format}.>`] });
  const settings = natsSettings(nats.port, { subject: `${format}.{event_name}`, format });
  await deliver(createNatsDestination('out', settings));
  return (await readStream(nats, format)).map(({ header, data }) => ({
    headers: Object.fromEntries(
      [...header]
        .filter(([name]) => name.startsWith('ce-') || name === 'content-type')
        .map(([name, values]) => [name, values[0]!]),
    ),
    body: Buffer.from(data).toString(),
  }));
}

const format = 'cloudevents';
const ways: Readonly<Record<string, () => Promise<Message[]>>> = {
  webhook: () =>
    overHttp((port) => createWebhookDestination('out', webhookSettings(port, { format }))),
  'webhook, in batches': () =>
    overHttp((port) =>
      createWebhookDestination('out', webhookSettings(port, { format, batch_events: 10 })),
    ),
  http: () =>
    overHttp((port) => createHttpApiDestination('out', httpApiSettings(port, { format }))),
  'http, in batches': () =>
    overHttp((port) =>
      createHttpApiDestination('out', httpApiSettings(port, { format, batch_events: 10 })),
    ),
  kafka: async () =>
    deliveries.map((delivery) => {
      const record = readRecord('events', delivery, format);
      if (typeof record === 'string') throw new Error(record);
      const headers = new Map([...record.headers].map(([key, text]) => [`${key}`, `${text}`]));
      return {
        headers: { 'content-type': headers.get('content-type')! },
        body: record.value.toString(),
      };
    }),
  sqs: async () =>
    deliveries.map((delivery) => {
      const message = readMessage('queue', { isFifo: false, groupBy: undefined, format }, delivery);
      if (typeof message === 'string') throw new Error(message);
      const { MessageBody: body, MessageAttributes: attributes } = message.entry;
      return {
        headers: { 'content-type': attributes!['content-type']!.StringValue! },
        body: body!,
      };
    }),
  pubsub: async () =>
    deliveries.map((delivery) => {
      const message = readPubsubMessage({ ordering: undefined, format }, delivery);
      if (typeof message === 'string') throw new Error(message);
      const { data, attributes } = message;
      return {
        headers: { 'content-type': attributes['content-type']! },
        body: data.toString(),
      };
    }),
  nats: () => overNats('cloudevents'),
  'nats, binary': () => overNats('cloudevents_binary'),
};

describe.each(Object.keys(ways))('by %s', (way) => {
  let messages: Message[];
  beforeAll(async () => {
    messages = await ways[way]!();
  });

  test('their own package validates them, and reads id, name, time and data', () => {
    const type = way === 'nats, binary' ? 'application/json' : structured;
    const expected = way.endsWith('in batches') ? batched : type;
    for (const { headers } of messages) expect(headers['content-type']).toBe(expected);
    const read = messages.flatMap(({ headers, body }) => HTTP.toEvent<unknown>({ headers, body }));
    expect(read).toHaveLength(deliveries.length);
    for (const [index, event] of read.flat().entries()) {
      const stored = deliveries[index]!.event();
      expect((event as CloudEvent<unknown>).validate()).toBe(true);
      expect(event).toMatchObject({
        specversion: '1.0',
        id: stored.eventId,
        source: 'shop',
        type: 'order_completed',
        datacontenttype: 'application/json',
        userid: way === 'nats, binary' ? encodeURIComponent(stored.userId!) : stored.userId,
        data: stored.properties,
      });
      expect(Date.parse(event.time!)).toBe(Date.parse(stored.eventTime!));
    }
  });

  test('our own endpoint takes them as the same events, with every digit', async () => {
    await using to = await openVendorGate();
    for (const message of messages) expect(await send(to, '/v1/cloudevents', message)).toBe(202);
    const arrived = await to.gate.events();
    expect(arrived).toHaveLength(deliveries.length);
    for (const [index, { bytes }] of arrived.entries()) {
      const stored = deliveries[index]!.event();
      const text = bytes.toString();
      expect(text).toContain(`"total":${digits}`);
      const event = JSON.parse(text) as typeof stored;
      for (const name of [
        'eventId',
        'eventName',
        'source',
        'eventTime',
        'userId',
        'anonymousId',
        'idempotencyKey',
        'properties',
      ] as const) {
        expect({ [name]: event[name] }).toEqual({ [name]: stored[name] });
      }
      expect(event.context).toMatchObject(stored.context!);
      expect(event.context!['cloudevents']).toMatchObject({ timestamp: stored.timestamp });
    }
  });
});

test('the key of a CloudEvent counts only if its id follows from it, as every id of Headgate does', async () => {
  await using to = await openVendorGate();
  const [key, id] = [randomUUID(), randomUUID()];
  const event = { type: 'order_completed', source: 'shop', userid: 'u' };
  const data = { order_id: 'A', total: 1, currency: 'EUR' };
  const forged = { ...event, id, idempotencykey: key, context: '{"a":1}', data };
  const own = { ...forged, id: eventIdOf('shop', key) };
  const foreign = { ...own, source: 'x'.repeat(65) };
  for (const sent of [forged, own, foreign]) {
    const message = HTTP.structured(new CloudEvent(sent)) as Message;
    expect(await send(to, '/v1/cloudevents', message)).toBe(202);
  }
  expect(await to.stored()).toMatchObject([
    { idempotencyKey: id, context: { cloudevents: { idempotencykey: key, context: '{"a":1}' } } },
    { idempotencyKey: key, context: { a: 1 } },
    { idempotencyKey: own.id, context: { cloudevents: { idempotencykey: key } } },
  ]);
});

test('a context whose numbers a double would change stays a text, with its digits', async () => {
  await using to = await openVendorGate();
  const key = randomUUID();
  const context = `{"big":${digits}}`;
  const event = new CloudEvent({
    id: eventIdOf('shop', key),
    type: 'order_completed',
    source: 'shop',
    idempotencykey: key,
    context,
    userid: 'u',
    data: { order_id: 'A', total: 1, currency: 'EUR' },
  });
  expect(await send(to, '/v1/cloudevents', HTTP.structured(event) as Message)).toBe(202);
  expect(await to.stored()).toMatchObject([{ context: { cloudevents: { context } } }]);
});

test('an event without a source is a dead letter, and fields that are no attributes are their JSON', async () => {
  const nameless = readRecord('t', deliveryOfEvent({ source: '' }), format);
  expect(nameless).toBe(
    'a CloudEvent needs a source and a type, and the event has no source or no name',
  );
  const warnings = [{ code: 'unplanned_event', path: '', message: 'x' }] as never;
  const event = storedEvent({ warnings, historical: true, schemaVersion: 2 });
  const record = readRecord('t', deliveryOfEvent(event), format);
  if (typeof record === 'string') throw new Error(record);
  const read = JSON.parse(record.value.toString()) as Record<string, unknown>;
  expect(read).toMatchObject({
    warnings: JSON.stringify(warnings),
    historical: true,
    schemaversion: 2,
    time: event.timestamp,
  });
  expect(new CloudEvent(read).validate()).toBe(true);
});
