import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { createPubsubDestination } from '../../src/destinations/pubsub/pubsub.ts';
import { requestBytesMax } from '../../src/destinations/pubsub/message.ts';
import { pubsubType } from '../../src/destinations/pubsub/type.ts';
import { describeDestination } from '../destinations/conformance.ts';
import { deliverAll, deliveryOfEvent, never, storedEvent } from '../destinations/deliveries.ts';
import { deliverWhileKilled, expectAllArrived } from '../destinations/killed-worker.ts';
import { startRealService } from '../real-service.ts';
import { pubsubProgram, whyNoFake } from './engine-folder.ts';
import { sendPageViewed } from './page-viewed.ts';
import {
  idOf,
  project,
  pubsubSettings,
  startFakePubsub,
  startPubsubFarSide,
  type FakePubsub,
} from './pubsub-far-side.ts';

/** The client does not look for the server that virtual machines of Google have. */
const metadata = 'none';

const isLong = process.env['CLOUDS'] === 'long';

describe.skipIf(whyNoFake(pubsubProgram) !== undefined)('with a fake of Pub/Sub', () => {
  let fake: FakePubsub;
  beforeAll(async () => {
    vi.stubEnv('METADATA_SERVER_DETECTION', metadata);
    fake = await startFakePubsub();
  });
  afterAll(async () => {
    await fake?.stop();
    vi.unstubAllEnvs();
  });

  describe.each(isLong ? ['none', 'user'] : ['none'])('ordering: %s', (ordering) => {
    describeDestination(pubsubType, () => startPubsubFarSide(fake, { ordering }), [
      'partial_failure',
      'lost_answer',
    ]);
  });

  test('an event of a real service is a message of the topic', async () => {
    const topic = await fake.createTopic();
    const { endpoint } = pubsubSettings(fake.port, topic.id);
    await using gate = await startRealService({
      yaml: `destinations:\n  bus: { type: pubsub, project: ${project}, topic: ${topic.id}, endpoint: "${String(endpoint)}" }\n`,
    });
    const key = await sendPageViewed(gate.url);
    await expect.poll(async () => (await topic.messages()).length).toBe(1);
    const [message] = await topic.messages();
    expect(JSON.parse(message!.data)).toMatchObject({ idempotencyKey: key, userId: 'u-1' });
  });

  test('a message is the stored event, with its attributes and ordering key', async () => {
    const topic = await fake.createTopic();
    const settings = pubsubSettings(fake.port, topic.id, { ordering: 'user' });
    const destination = createPubsubDestination('bus', settings);
    const event = storedEvent({ eventTime: '2026-03-01T11:00:00.000Z' });
    const delivery = deliveryOfEvent(event);
    expect(await destination.deliver([delivery], never)).toEqual([{ kind: 'delivered' }]);
    await destination.close();
    expect(await topic.messages()).toEqual([
      {
        data: Buffer.from(delivery.payload).toString(),
        orderingKey: 'user-1',
        attributes: {
          event_id: event.eventId,
          event_name: event.eventName,
          source: event.source,
          event_time: event.eventTime,
          correlation_id: event.correlationId,
        },
      },
    ]);
  });

  test('messages of a key come in the order of the log, also around one that is refused', async () => {
    const topic = await fake.createTopic();
    const settings = pubsubSettings(fake.port, topic.id, { ordering: 'user' });
    const destination = createPubsubDestination('bus', settings);
    expect(destination.concurrency).toBe(1);
    const batch = Array.from({ length: 300 }, (_, index) =>
      deliveryOfEvent({
        userId: `u-${index % 40}`,
        properties: index === 120 ? { refused_by_schema: true } : {},
      }),
    );
    const outcomes = await destination.deliver(batch, never);
    await destination.close();
    expect(outcomes.map(({ kind }) => kind)).toEqual(
      batch.map((_, index) => (index === 120 ? 'dead' : 'delivered')),
    );
    const published = await topic.messages();
    const idsOf = (key: string): string[] =>
      published.filter(({ orderingKey }) => orderingKey === key).map(idOf);
    for (let user = 0; user < 40; user += 1) {
      const own = batch.filter((_, index) => index % 40 === user && index !== 120);
      expect(idsOf(`u-${user}`)).toEqual(own.map((delivery) => delivery.event().eventId));
    }
  });

  test('messages of any size that fits are in requests that Pub/Sub takes, at the limit too', async () => {
    const topic = await fake.createTopic();
    const destination = createPubsubDestination('bus', pubsubSettings(fake.port, topic.id));
    const empty = deliveryOfEvent({ properties: { text: '' } });
    // Attributes of an ordinary event, and what Protobuf adds to them.
    const room = requestBytesMax - empty.payload.length - 500;
    const sizes = [room, 6_000_000, 3_000_000, 3_000_000, 10, 10];
    const batch = sizes.map((size) => deliveryOfEvent({ properties: { text: 'x'.repeat(size) } }));
    const outcomes = await deliverAll(destination, batch);
    await destination.close();
    expect(outcomes).toEqual(batch.map(() => ({ kind: 'delivered' })));
    expect(await topic.messages()).toHaveLength(batch.length);
  });

  test('a topic that does not exist is a fault of the destination, and says so', async () => {
    for (const ordering of ['none', 'event']) {
      const settings = pubsubSettings(fake.port, 'not-there', { ordering });
      const destination = createPubsubDestination('bus', settings);
      const batch = [deliveryOfEvent(), deliveryOfEvent({ eventName: 'other_event' })];
      const outcomes = await deliverAll(destination, batch);
      await destination.close();
      for (const outcome of outcomes) {
        expect(outcome).toMatchObject({
          kind: 'retry',
          fault: 'destination',
          status: 'NOT_FOUND',
          reason: expect.stringContaining('NOT_FOUND: topic "projects/test-project'),
        });
      }
    }
  });

  test('a connection that is dead without having ended is replaced after one timeout', async () => {
    const topic = await fake.createTopic();
    const sockets: Socket[] = [];
    const dead = createServer((near) => {
      sockets.push(near.on('error', () => undefined));
      // Only the first is dead.
      if (sockets.length === 1) return;
      const far = connect(fake.port, '127.0.0.1').on('error', () => undefined);
      near.pipe(far).pipe(near);
    }).listen(0, '127.0.0.1');
    await vi.waitUntil(() => dead.listening);
    const { port } = dead.address() as AddressInfo;
    const settings = pubsubSettings(port, topic.id, { timeout: 500 });
    const destination = createPubsubDestination('bus', settings);
    const delivery = deliveryOfEvent();
    expect(await destination.deliver([delivery], never)).toMatchObject([
      { kind: 'retry', fault: 'destination', reason: 'Pub/Sub gave no answer within 500 ms' },
    ]);
    expect(await destination.deliver([delivery], never)).toEqual([{ kind: 'delivered' }]);
    await destination.close();
    for (const socket of sockets) socket.destroy();
    dead.close();
  });

  const [events, kills] = isLong ? [20_000, 10] : [400, 1];
  test(`${events} events, ${kills} kills of the worker: a topic has each`, async () => {
    const topics = await Promise.all([fake.createTopic(), fake.createTopic()]);
    const destinations = topics.map((topic, index) => ({
      name: index === 0 ? 'unordered' : 'ordered',
      settings: {
        type: 'pubsub',
        project,
        topic: topic.id,
        endpoint: `http://127.0.0.1:${fake.port}`,
        ordering: index === 0 ? 'none' : 'event',
      },
      arrives: 'at least once' as const,
      count: async () => (await topic.messages()).length,
      ids: async () => (await topic.messages()).map(idOf),
    }));
    const run = await deliverWhileKilled(destinations, {
      events,
      kills,
      env: { METADATA_SERVER_DETECTION: metadata },
    });
    expect(run.ids).toHaveLength(events);
    await expectAllArrived(run, destinations);
    const counts = await Promise.all(destinations.map(({ count }) => count()));
    console.log(`${counts.join(' and ')} messages for ${events} events`);
  }, 600_000);
});
