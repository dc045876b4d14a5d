import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createKafkaDestination } from '../../src/destinations/kafka/kafka.ts';
import { kafkaType } from '../../src/destinations/kafka/type.ts';
import { describeDestination } from '../destinations/conformance.ts';
import { deliverAll, deliveryOfEvent, never, storedEvent } from '../destinations/deliveries.ts';
import {
  deliverWhileKilled,
  expectAllArrived,
  type KilledDestination,
} from '../destinations/killed-worker.ts';
import { startRelay, type Relay } from '../destinations/relay.ts';
import { saslPassword, saslUser, startBroker, type Broker } from './broker.ts';
import { readClasspath } from './classpath.ts';
import { startKafkaFarSide } from './kafka-far-side.ts';

const classpath = readClasspath();
if (classpath === undefined) {
  console.log('kafka: skipped: there is no broker here; npm run test:kafka gets one');
}

describe.skipIf(classpath === undefined)('with a broker', () =>
  classpath === undefined ? describeNothing() : describeWithBroker(classpath),
);

function describeNothing(): void {
  test('one is needed', () => expect.unreachable());
}

function describeWithBroker(classpath: string): void {
  let broker: Broker;
  let relay: Relay;
  beforeAll(async () => {
    broker = await startBroker(classpath);
    relay = await startRelay(broker.clientPort, broker.advertisedPort);
  }, 120_000);
  afterAll(async () => {
    await relay?.close();
    await broker?.stop();
  });
  const startFarSide = () => startKafkaFarSide(broker, relay);

  describeDestination(kafkaType, startFarSide, ['partial_failure', 'lost_answer']);

  test('a record is the stored event byte for byte, with its id as key and header', async () => {
    const farSide = await startFarSide();
    const destination = createKafkaDestination('next', farSide.settings);
    const event = storedEvent({
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    });
    const delivery = deliveryOfEvent(event);
    expect(await destination.deliver([delivery], never)).toEqual([{ kind: 'delivered' }]);
    await destination.close();
    const [record] = await farSide.records();
    expect(record).toEqual({
      key: event.eventId,
      value: delivery.payload,
      headers: {
        event_id: event.eventId,
        event_name: event.eventName,
        source: event.source,
        correlation_id: event.correlationId,
        traceparent: event.traceparent,
      },
    });
  });

  test('with format: cloudevents, a record is a structured CloudEvent of the same event', async () => {
    const farSide = await startFarSide();
    const settings = { ...farSide.settings, format: 'cloudevents' as const };
    const destination = createKafkaDestination('next', settings);
    const event = storedEvent({ properties: { total: '12.50' }, userId: 'u-1' });
    const delivery = deliveryOfEvent(event);
    expect(await destination.deliver([delivery], never)).toEqual([{ kind: 'delivered' }]);
    await destination.close();
    const [record] = await farSide.records();
    expect(record).toMatchObject({
      key: event.eventId,
      headers: { 'content-type': 'application/cloudevents+json', event_id: event.eventId },
    });
    expect(JSON.parse(String(record!.value))).toMatchObject({
      specversion: '1.0',
      id: event.eventId,
      type: event.eventName,
      data: event.properties,
    });
  });

  test('events above the limit of a request go into several requests, and none twice', async () => {
    const farSide = await startFarSide();
    const destination = createKafkaDestination('next', { ...farSide.settings, timeout: 15_000 });
    const text = 'x'.repeat(20_000);
    const deliveries = Array.from({ length: 200 }, () => deliveryOfEvent({ properties: { text } }));
    const outcomes = await destination.deliver(deliveries, never);
    await destination.close();
    expect(outcomes.every(({ kind }) => kind === 'delivered')).toBe(true);
    expect((await farSide.records()).length).toBe(200);
  });

  test.each([
    [saslPassword, { kind: 'delivered' }],
    ['wrong-password', { kind: 'retry', fault: 'destination' }],
  ])('with SASL: %s', async (password, outcome) => {
    const farSide = await startFarSide();
    const sasl = { sasl_mechanism: 'PLAIN', username: saslUser, password };
    const settings = { ...farSide.settings, ...sasl, brokers: broker.saslAddress, timeout: 10_000 };
    const destination = createKafkaDestination('next', settings);
    const outcomes = await deliverAll(destination, [deliveryOfEvent()]);
    await destination.close();
    expect(outcomes).toMatchObject([outcome]);
    expect(JSON.stringify(outcomes)).not.toContain(password);
  });

  test("a topic that is not there is the destination's fault, and says so", async () => {
    const farSide = await startFarSide();
    const settings = { ...farSide.settings, topic: 'not-there', timeout: 10_000 };
    const destination = createKafkaDestination('next', settings);
    const outcomes = await deliverAll(destination, [deliveryOfEvent(), deliveryOfEvent()]);
    await destination.close();
    for (const outcome of outcomes) {
      const reason = expect.stringContaining('not-there');
      expect(outcome).toMatchObject({ kind: 'retry', fault: 'destination', reason });
    }
  });

  test('20,000 events, ten kills of the worker: none is missing, and each event_id counts once', async () => {
    const farSide = await startFarSide();
    const { brokers, topic } = farSide.settings as { brokers: string; topic: string };
    const destination: KilledDestination = {
      name: 'next',
      settings: { type: 'kafka', brokers, topic, timeout: '10s' },
      arrives: 'at least once',
      count: farSide.count,
      ids: async () => (await farSide.records()).map(({ headers }) => headers['event_id']!),
    };
    const run = await deliverWhileKilled([destination], { events: 20_000, kills: 10 });
    expect(run.ids).toHaveLength(20_000);
    await expectAllArrived(run, [destination]);
    console.log(`${await farSide.count()} records for ${run.ids.length} events`);
  }, 300_000);
}
