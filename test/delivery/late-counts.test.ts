import type { ConsumerInfo } from '@nats-io/jetstream';
import { expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { cleanAside } from '../../src/jetstream/consume/aside/clean-aside.ts';
import { ensureDestinationConsumer } from '../../src/jetstream/consume/destination-consumer.ts';
import { createJanitor } from '../../src/jetstream/consume/janitor.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { consumedStreams } from '../../src/jetstream/topology.ts';
import { countsNothing, withConsumers } from '../late-consumers.ts';
import { startRealLog } from '../real-log.ts';
import { countMessages, giveUpSecond, publishEvents, startCollector } from './rig.ts';

const options = { attempts: -1, ackWaitMs: 2_000, ackPendingMax: 100 };

/** Copies of events of two destinations, by turns. */
async function storeCopies(log: Log, stream: 'RETRY' | 'ASIDE'): Promise<void> {
  await createConsumers(log);
  for (let at = 0; at < 6; at += 1) {
    for (const name of ['crm', 'warehouse']) {
      const subject =
        stream === 'RETRY'
          ? `headgate.retry.${name}.order_completed`
          : `headgate.aside.${name}.0.shop.order_completed`;
      await log.store(stream, subject, { 'Headgate-Aside': '0 0 0' }, `{"eventId":"${at}"}`);
    }
  }
}

const janitorOf = (log: Log) =>
  createJanitor({
    log,
    retentionMs: 1,
    destinations: ['crm', 'warehouse'],
    onTrouble: () => {},
    // Everything is old.
    now: () => Date.now() + 60_000,
  });

async function createConsumers(log: Log): Promise<void> {
  for (const stream of consumedStreams) {
    for (const name of ['crm', 'warehouse']) {
      await ensureDestinationConsumer(log, stream, name, options);
    }
  }
}

test('copies in ASIDE stay, whatever their consumers count', async () => {
  await using real = await startRealLog();
  const { log } = real;
  await storeCopies(log, 'ASIDE');
  expect(await cleanAside(withConsumers(log, countsNothing(0)))).toBe(0);
  expect(await countMessages(log, 'ASIDE')).toBe(12);
});

test.each<'RETRY' | 'EVENTS'>(['RETRY', 'EVENTS'])(
  'the janitor deletes nothing of %s that consumers do not count',
  async (stream) => {
    await using real = await startRealLog();
    const { log } = real;
    await createConsumers(log);
    if (stream !== 'EVENTS') await storeCopies(log, stream);
    else await publishEvents(log, 12);
    expect(await janitorOf(withConsumers(log, countsNothing(0))).run()).toBe(0);
    expect(await countMessages(log, stream)).toBe(12);
  },
);

/** The copies of `crm` have odd sequences, those of `warehouse` even ones. */
const settledUpTo = (crm: number, warehouse: number) => (info: ConsumerInfo) =>
  countsNothing(info.name === 'crm' ? crm : warehouse)(info);

test.each([
  { crm: 11, warehouse: 12, deleted: 11 },
  // The position of a consumer stays low while all later messages are those of another.
  { crm: 11, warehouse: 6, deleted: 7 },
  { crm: 0, warehouse: 12, deleted: 0 },
])('the janitor deletes what is settled of RETRY: %o', async ({ crm, warehouse, deleted }) => {
  await using real = await startRealLog();
  const { log } = real;
  await storeCopies(log, 'RETRY');
  expect(await janitorOf(withConsumers(log, settledUpTo(crm, warehouse))).run()).toBe(deleted);
});

test('of ASIDE what each destination has settled is deleted, and the last message stays', async () => {
  await using real = await startRealLog();
  const { log } = real;
  await storeCopies(log, 'ASIDE');
  expect(await cleanAside(withConsumers(log, settledUpTo(5, 12)))).toBe(3 + 5);
  expect(await cleanAside(withConsumers(log, settledUpTo(5, 12)))).toBe(0);
  expect(await cleanAside(withConsumers(log, settledUpTo(11, 12)))).toBe(3);
  expect(await countMessages(log, 'ASIDE')).toBe(1);
});

test('copies that nobody else holds are deleted: a consumer without messages holds none', async () => {
  await using real = await startRealLog();
  const { log } = real;
  await createConsumers(log);
  await ensureDestinationConsumer(log, 'RETRY', 'idle', options);
  await storeCopies(log, 'RETRY');
  const report = (info: ConsumerInfo) =>
    info.name === 'idle' ? countsNothing(0)(info) : countsNothing(12)(info);
  expect(await janitorOf(withConsumers(log, report)).run()).toBe(11);
});

test('an event that the log gave up on stays until the collector has its advisory', async () => {
  await using real = await startRealLog();
  const { log } = real;
  await (await startCollector(log)).collector.stop();
  await createConsumers(log);
  const pull = await giveUpSecond(log);
  await pull.stop();
  await clientsForTests(log).manager.consumers.delete('EVENTS_0', 'warehouse');
  const late = withConsumers(log, (info) =>
    info.name === 'dead-letters' ? countsNothing(0)(info) : info,
  );
  const janitor = createJanitor({
    log: late,
    retentionMs: 1,
    destinations: ['crm'],
    onTrouble: () => {},
    now: () => Date.now() + 60_000,
  });
  expect(await janitor.run()).toBe(1);
  expect(await countMessages(log, 'EVENTS')).toBe(9);
});
