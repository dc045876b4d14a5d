import { expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { storeAsideCopy } from '../../src/jetstream/consume/aside/aside-copies.ts';
import { storeDelayedCopy } from '../../src/jetstream/consume/delayed-copies.ts';
import {
  deleteDestinationConsumers,
  ensureDestinationConsumer,
} from '../../src/jetstream/consume/destination-consumer.ts';
import type { PulledMessage } from '../../src/jetstream/consume/pull.ts';
import { storeRedelivery } from '../../src/jetstream/consume/redelivery.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { readMatching, readMessage } from '../../src/jetstream/read/read.ts';
import { startRealLog } from '../real-log.ts';
import { destinationConfig, publishEvents, recording, settled, startWorker, until } from './rig.ts';

const streams = ['REPLAY', 'RETRY', 'ASIDE'] as const;
type Stream = (typeof streams)[number];
const options = { attempts: -1, ackWaitMs: 2_000, ackPendingMax: 100 };

const subjectOf = (stream: Stream, name: string): string =>
  stream === 'ASIDE'
    ? `headgate.aside.${name}.0.shop.order_completed`
    : `headgate.${stream.toLowerCase()}.${name}.order_completed`;

const store = (log: Log, stream: Stream, name: string) =>
  log.store(stream, subjectOf(stream, name), { 'Headgate-Aside': '0 0 0' }, '{"eventId":"x"}');

async function subjectsIn(log: Log, stream: Stream): Promise<string[]> {
  const found: string[] = [];
  for await (const { subject } of readMatching(log, stream, '>')) found.push(subject);
  return found;
}

test('a destination that is removed and added again gets none of its old messages', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const first = recording();
  const worker = await startWorker(log, first);
  await publishEvents(log, 3);
  for (let at = 0; at < 2; at += 1) await store(log, 'REPLAY', 'crm');
  await until(
    () => first.seen.length,
    (count) => count === 5,
  );
  await settled(log, 'crm', 'REPLAY');
  await worker.stop();
  await deleteDestinationConsumers(log, 'crm');
  const second = recording();
  const again = await startWorker(log, second, {
    config: destinationConfig({ start: { kind: 'now' } }),
  });
  // The only one that it has not seen.
  await store(log, 'REPLAY', 'crm');
  await until(
    () => second.seen.length,
    (count) => count > 0,
  );
  await settled(log, 'crm', 'REPLAY');
  await settled(log);
  await again.stop();
  expect(second.seen).toHaveLength(1);
});

test('removing deletes the messages of this destination, and no others', async () => {
  await using real = await startRealLog({ durability: 'fsync' });
  const { log } = real;
  const lastIn = async (stream: Stream) =>
    (await clientsForTests(log).manager.streams.info(stream)).state.last_seq;
  for (const stream of streams) {
    for (const name of ['crm', 'warehouse']) {
      await ensureDestinationConsumer(log, stream, name, options);
      await store(log, stream, name);
      await store(log, stream, name);
    }
    await store(log, stream, 'crm');
  }
  await deleteDestinationConsumers(log, 'crm');
  for (const stream of streams) {
    const others = subjectOf(stream, 'warehouse');
    expect(await subjectsIn(log, stream)).toEqual([others, others]);
  }
  // Positions do not come again once a stream is empty, or the consumers of others would miss some.
  await deleteDestinationConsumers(log, 'warehouse');
  real.killServer();
  for (const stream of streams) {
    await expect.poll(() => lastIn(stream).catch(() => undefined), { timeout: 15_000 }).toBe(5);
    expect(await subjectsIn(log, stream)).toEqual([]);
  }
});

/** What an earlier destination of the same name stored is forgotten, and its id is not. */
test.each(streams)(
  'an event is copied to %s again once the destination is back',
  async (stream) => {
    await using real = await startRealLog();
    const { log } = real;
    await publishEvents(log, 1);
    const event = (await readMessage(log, 'EVENTS', 1))!;
    const message = event as unknown as PulledMessage;
    const copy = { destination: 'crm', message, deliveries: 1, tries: 0 };
    const storeCopy = {
      REPLAY: () => storeRedelivery(log, 'crm', event),
      RETRY: () => storeDelayedCopy(log, { ...copy, stream: 'EVENTS', dueMs: 0, delayMs: 0 }),
      ASIDE: () => storeAsideCopy(log, copy),
    }[stream];
    for (let round = 0; round < 3; round += 1) {
      await ensureDestinationConsumer(log, stream, 'crm', options);
      await storeCopy();
      await storeCopy();
      expect(await subjectsIn(log, stream)).toHaveLength(1);
      await deleteDestinationConsumers(log, 'crm');
      expect(await subjectsIn(log, stream)).toEqual([]);
    }
  },
);
