import {
  AckPolicy,
  DeliverPolicy,
  jetstreamManager,
  type ConsumerConfig,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openOtherStream } from '../../src/jetstream/other/other-stream.ts';
import { startOperatorsNats, type OperatorsNats } from '../destinations/nats-server.ts';
import { openGate } from '../endpoints/open-gate.ts';
import { order } from '../endpoints/sample-events.ts';
import { startRealService } from '../real-service.ts';
import { consumer, makeStream } from './operators-stream.ts';

let nats: OperatorsNats;

beforeAll(async () => {
  nats = await startOperatorsNats('max_payload: 1MB', {});
});

afterAll(async () => {
  await nats[Symbol.asyncDispose]();
});

test.each(['cloudevents', 'cloudevents_binary'])(
  'what our own nats destination writes as %s is the same event in the next gate',
  async (format) => {
    const stream = await makeStream(nats, format.toUpperCase());
    const url = `nats://127.0.0.1:${nats.port}`;
    const out = { type: 'nats', url, subject: `${format}.in`, format, from: 'earliest' };
    await using first = await startRealService({
      yaml: JSON.stringify({ destinations: { next: out } }),
    });
    await using second = await openGate({
      // The same source, so that the event has the same id.
      yaml: `intake:\n  nats:\n${stream.yaml('default', { format: 'cloudevents' })}`,
    });
    const event = order({
      context: { page: { title: 'Grüße, 100%' } },
      occurred_at: '2026-01-02T03:04:05.678Z',
      anonymous_id: 'anon-1',
    });
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const answer = await fetch(`${first.url}/v1/track`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', traceparent },
      body: JSON.stringify(event),
    });
    const { event_id: eventId } = (await answer.json()) as { event_id: string };
    await expect.poll(async () => (await second.events()).length, { timeout: 15_000 }).toBe(1);
    const [came] = await second.events();
    expect(JSON.parse(came!.bytes.toString())).toMatchObject({
      eventId,
      eventName: 'order_completed',
      userId: event['user_id'],
      anonymousId: 'anon-1',
      idempotencyKey: event['idempotency_key'],
      properties: event['properties'],
      occurredAt: event['occurred_at'],
      traceparent,
      context: { page: { title: 'Grüße, 100%' } },
    });
    expect(await second.rejected()).toEqual([]);
  },
);

describe('a consumer that would lose messages is not used', () => {
  const durable = { durable_name: consumer, ack_policy: AckPolicy.Explicit };
  const open = (stream: string) =>
    openOtherStream({ servers: [`127.0.0.1:${nats.port}`] }, { stream, consumer }, 'test');

  test.each<[string, Partial<ConsumerConfig> | undefined, string]>([
    ['absent', undefined, 'has no consumer headgate: create it with nats consumer add'],
    ['push', { deliver_subject: 'there' }, 'pushes'],
    ['unacknowledged', { ack_policy: AckPolicy.None }, 'has the ack policy none'],
    ['cumulative', { ack_policy: AckPolicy.All }, 'has the ack policy all'],
    ['bounded', { max_deliver: 5 }, 'gives a message up after 5 deliveries'],
    ['bodiless', { headers_only: true }, 'delivers headers only'],
    ['hasty', { max_expires: nanos(4_999) }, 'has max_expires below 5 s'],
    ['small', { max_batch: 511 }, 'has max_batch below 512'],
  ])('%s', async (name, config, text) => {
    const stream = `BAD_${name.toUpperCase()}`;
    await nats.manager.streams.add({ name: stream, subjects: [`bad.${name}`] });
    if (config !== undefined) await nats.manager.consumers.add(stream, { ...durable, ...config });
    await expect(open(stream)).rejects.toThrow(text);
  });

  test('one at the limits is', async () => {
    // Its name only resembles those of the log.
    await nats.manager.streams.add({ name: 'EVENTS_SHOP', subjects: ['good'] });
    await nats.manager.streams.add({ name: 'GOOD', mirror: { name: 'EVENTS_SHOP' } });
    await nats.manager.consumers.add('GOOD', {
      ...durable,
      deliver_policy: DeliverPolicy.New,
      max_expires: nanos(5_000),
      max_batch: 512,
      max_deliver: -1,
    });
    const opened = await open('GOOD');
    expect(opened.state).toEqual({ pending: 0, ackWaitMs: 30_000 });
    await opened.close();
  });

  test('events of a Headgate, in its log or in a copy of that, are not', async () => {
    await using gate = await openGate();
    const { servers, user, password } = gate.real.service.embedded!.address;
    const connection = await connect({ servers, user: user!, pass: password! });
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: 'COPY', mirror: { name: 'EVENTS_0' } });
    await manager.streams.add({ name: 'MERGED', sources: [{ name: 'EVENTS_0' }] });
    for (const stream of ['EVENTS_0', 'REJECTED', 'COPY', 'MERGED']) {
      const opening = openOtherStream({ servers, user: user!, password: password! }, { stream, consumer }, 'test'); // prettier-ignore
      await expect(opening).rejects.toThrow(`${stream} holds events of a Headgate`);
    }
    await connection.close();
  });

  test('a missing stream, and a server that is away, are told apart', async () => {
    await expect(open('NOWHERE')).rejects.toThrow('there is no stream NOWHERE');
    const away = openOtherStream({ servers: ['127.0.0.1:1'] }, { stream: 'S', consumer }, 'test');
    await expect(away).rejects.toThrow('its NATS cannot be reached');
  });
});
