import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { createSqsDestination } from '../../src/destinations/sqs/sqs.ts';
import { sqsType } from '../../src/destinations/sqs/type.ts';
import { describeDestination } from '../destinations/conformance.ts';
import { deliverAll, deliveryOfEvent, never, storedEvent } from '../destinations/deliveries.ts';
import { deliverWhileKilled, expectAllArrived } from '../destinations/killed-worker.ts';
import { startRealService } from '../real-service.ts';
import { awsEnvironment, whyNoFake } from './engine-folder.ts';
import { startMinistack, type Ministack } from './ministack.ts';
import { sendPageViewed } from './page-viewed.ts';
import { createQueue, idOf, region, sqsSettings, startSqsFarSide } from './sqs-far-side.ts';

const isLong = process.env['CLOUDS'] === 'long';

describe.skipIf(whyNoFake('ministack') !== undefined)('with a fake of SQS', () => {
  let fake: Ministack;
  beforeAll(async () => {
    for (const [name, text] of Object.entries(awsEnvironment)) vi.stubEnv(name, text);
    fake = await startMinistack(['sqs']);
  });
  afterAll(async () => {
    await fake?.stop();
    vi.unstubAllEnvs();
  });

  const queueTypes = isLong ? ['FIFO', 'standard'] : ['FIFO'];
  describe.each(queueTypes)('a %s queue', (type) => {
    describeDestination(sqsType, () => startSqsFarSide(fake, type === 'FIFO'), [
      'partial_failure',
      'lost_answer',
    ]);
  });

  test('an event of a real service is a message of the queue', async () => {
    const queue = await createQueue(fake, true);
    await using gate = await startRealService({
      yaml: `destinations:\n  queue: { type: sqs, queue_url: "${queue.url}", region: ${region} }\n`,
    });
    const key = await sendPageViewed(gate.url);
    await expect.poll(() => queue.count()).toBe(1);
    const [message] = await queue.messages();
    expect(JSON.parse(message!.Body!)).toMatchObject({ idempotencyKey: key, userId: 'u-1' });
    queue.close();
  });

  test('a message is the stored event, with its attributes, group and deduplication id', async () => {
    const queue = await createQueue(fake, true);
    const destination = await createSqsDestination('queue', sqsSettings(queue.url));
    const event = storedEvent({ eventTime: '2026-03-01T11:00:00.000Z' });
    const delivery = deliveryOfEvent(event);
    expect(await destination.deliver([delivery], never)).toEqual([{ kind: 'delivered' }]);
    await destination.close();
    const [message] = await queue.messages();
    queue.close();
    expect(Buffer.from(message!.Body!)).toEqual(delivery.payload);
    expect(message!.Attributes).toMatchObject({
      MessageGroupId: event.source,
      MessageDeduplicationId: `queue:${event.eventId}`,
    });
    const attributes = Object.entries(message!.MessageAttributes!);
    expect(Object.fromEntries(attributes.map(([name, one]) => [name, one.StringValue]))).toEqual({
      event_id: event.eventId,
      event_name: event.eventName,
      source: event.source,
      event_time: event.eventTime,
      correlation_id: event.correlationId,
    });
  });

  test('two destinations of one FIFO queue: it has the event of each, once', async () => {
    const queue = await createQueue(fake, true);
    const delivery = deliveryOfEvent();
    for (const name of ['raw', 'ce', 'raw']) {
      const format = name === 'ce' ? 'cloudevents' : 'headgate';
      const destination = await createSqsDestination(name, sqsSettings(queue.url, { format }));
      expect(await destination.deliver([delivery], never)).toEqual([{ kind: 'delivered' }]);
      await destination.close();
    }
    const messages = await queue.messages();
    queue.close();
    expect(messages.map((message) => 'content-type' in message.MessageAttributes!)).toEqual([
      false,
      true,
    ]);
  });

  test('a queue that does not exist is a fault of the destination, and says so', async () => {
    const settings = sqsSettings(`${fake.url}/000000000000/not-there`);
    const destination = await createSqsDestination('queue', settings);
    const outcomes = await deliverAll(destination, [deliveryOfEvent(), deliveryOfEvent()]);
    await destination.close();
    for (const outcome of outcomes) {
      const reason = expect.stringContaining('QueueDoesNotExist');
      expect(outcome).toMatchObject({ kind: 'retry', fault: 'destination', reason });
    }
  });

  const [events, kills] = isLong ? [20_000, 10] : [400, 1];
  test(`${events} events, ${kills} kills of the worker: a FIFO queue has each once`, async () => {
    const queues = await Promise.all([true, false].map((isFifo) => createQueue(fake, isFifo)));
    const destinations = queues.map((queue, index) => ({
      name: index === 0 ? 'fifo' : 'standard',
      settings: { type: 'sqs', queue_url: queue.url, region, group_by: 'user' },
      arrives: index === 0 ? ('exactly once' as const) : ('at least once' as const),
      count: () => queue.count(),
      ids: async () => (await queue.messages()).map(idOf),
    }));
    const run = await deliverWhileKilled(destinations, {
      events,
      kills,
      env: awsEnvironment,
      // The fake looks through all ids of a FIFO queue for each message.
      deliveredMsMax: 400_000,
    });
    expect(run.ids).toHaveLength(events);
    const standard = await queues[1]!.messages();
    await expectAllArrived(run, destinations);
    console.log(`${standard.length} messages of a standard queue for ${events} events`);
    for (const queue of queues) queue.close();
  }, 600_000);
});
