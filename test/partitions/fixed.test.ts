import { randomUUID } from 'node:crypto';

import { expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { partitionOf } from '../../src/jetstream/events/event-position.ts';
import { partsOf } from '../../src/jetstream/events/event-streams.ts';
import type { Log } from '../../src/jetstream/log.ts';
import type { PublishAck } from '../../src/jetstream/publish/publish-ack.ts';
import { readMessage } from '../../src/jetstream/read/read.ts';
import { subjects } from '../../src/jetstream/topology.ts';
import { destinationConfig, publishEvents, recording, startWorker } from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';
import { storedEvents } from '../stored-events.ts';

const store = (log: Log, id: string): Promise<PublishAck> =>
  log.store('EVENTS', subjects.event('shop', 'order_completed'), { 'Nats-Msg-Id': id }, '{}');

const newIds = (count: number): string[] =>
  Array.from({ length: count }, () => `shop:${randomUUID()}`);

const streamNamesOf = (log: Log): string[] => partsOf(log, 'EVENTS').map(({ stream }) => stream);

test('four partitions share the events, and each id is stored once', async () => {
  await using real = await startRealLog({ partitions: 4 });
  const { log } = real;
  expect(streamNamesOf(log)).toEqual(['EVENTS_0', 'EVENTS_1', 'EVENTS_2', 'EVENTS_3']);
  const ids = newIds(400);
  const first = await Promise.all(ids.map((id) => store(log, id)));
  expect(first.every(({ duplicate }) => !duplicate)).toBe(true);
  expect(new Set(first.map(({ sequence }) => sequence)).size).toBe(400);
  // Another process, which chooses by the same hash.
  const other = await real.open();
  const second = await Promise.all(ids.map((id) => store(other, id)));
  expect(second).toEqual(first.map(({ sequence }) => ({ sequence, duplicate: true })));
  const counts = [0, 1, 2, 3].map(
    (partition) => first.filter(({ sequence }) => partitionOf(sequence) === partition).length,
  );
  for (const count of counts) expect(count).toBeGreaterThan(50);
  const { streams } = clientsForTests(log).manager;
  for (const [partition, count] of counts.entries()) {
    const { state, config } = await streams.info(`EVENTS_${partition}`);
    expect(state.messages).toBe(count);
    expect(config.subjects).toEqual([`headgate.events.${partition}.*.*`]);
  }
  const found: string[] = [];
  for await (const message of storedEvents(log, subjects.eventsOf('shop', '_any'))) {
    found.push(message.subject);
  }
  expect(found).toEqual([]);
  for await (const message of storedEvents(log)) {
    found.push(message.header('Nats-Msg-Id'));
  }
  expect(found.toSorted()).toEqual(ids.toSorted());
  const last = await readMessage(log, 'EVENTS', first.at(-1)!.sequence);
  expect(last!.header('Nats-Msg-Id')).toBe(ids.at(-1));
});

test('the partitions have the room together that one has', async () => {
  const roomOf = async (partitions: number): Promise<number> => {
    await using real = await startRealLog({ partitions });
    const { streams } = clientsForTests(real.log).manager;
    let bytes = 0;
    for (const stream of streamNamesOf(real.log)) {
      bytes += (await streams.info(stream)).config.max_bytes;
    }
    return bytes;
  };
  const [one, four] = [await roomOf(1), await roomOf(4)];
  expect(four).toBeLessThanOrEqual(one);
  expect(four).toBeGreaterThan(one - 4);
});

test('a partition that takes nothing fails only its own events', async () => {
  await using real = await startRealLog({ partitions: 4 });
  const { log } = real;
  const { streams } = clientsForTests(log).manager;
  const { config } = await streams.info('EVENTS_2');
  await streams.update('EVENTS_2', { ...config, max_bytes: 1 });
  const results = await Promise.all(
    newIds(200).map((id) =>
      store(log, id).then(
        ({ sequence }) => `stored in ${partitionOf(sequence)}`,
        (error: { code: string }) => error.code,
      ),
    ),
  );
  const counts = Object.groupBy(results, (result) => result);
  expect(Object.keys(counts).toSorted()).toEqual([
    'stored in 0',
    'stored in 1',
    'stored in 3',
    'stream_full',
  ]);
  // The gate stays ready for the events of the others.
  await log.probe();
  for (const stream of ['EVENTS_0', 'EVENTS_1', 'EVENTS_3']) {
    const { config: other } = await streams.info(stream);
    await streams.update(stream, { ...other, max_bytes: 1 });
  }
  await expect(log.probe()).rejects.toThrow(/full/);
});

test('a log that exists keeps its partitions, whatever is configured', async () => {
  await using real = await startRealLog({ partitions: 2 });
  await store(real.log, 'shop:1');
  const { manager } = clientsForTests(real.log);
  const other = await real.open({ partitions: 4 });
  expect(streamNamesOf(other)).toEqual(['EVENTS_0', 'EVENTS_1']);
  // A log of an earlier release has no entry of its layout.
  await manager.streams.purge('LEDGER', { filter: subjects.layout });
  await manager.streams.delete('EVENTS_1');
  const again = await real.open({ partitions: 4 });
  expect(streamNamesOf(again)).toEqual(['EVENTS_0']);
});

test('processes that begin a log with different numbers agree on one', async () => {
  await using real = await startRealLog({ partitions: 1 });
  const { manager } = clientsForTests(real.log);
  await manager.streams.delete('EVENTS_0');
  await manager.streams.delete('LEDGER');
  const logs = await Promise.all([1, 2, 4].map((partitions) => real.open({ partitions })));
  const [first, ...others] = logs.map(streamNamesOf);
  expect(others).toEqual([first, first]);
  const acks = await Promise.all(logs.map((log) => store(log, 'shop:same')));
  expect(acks.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
  expect(new Set(acks.map(({ sequence }) => sequence)).size).toBe(1);
});

test('a worker delivers the events of every partition once', async () => {
  await using real = await startRealLog({ partitions: 4 });
  const { log } = real;
  const ids = await publishEvents(log, 300);
  const destination = recording();
  const workers = [
    await startWorker(log, destination, { config: destinationConfig() }),
    await startWorker(await real.open(), destination, { config: destinationConfig() }),
  ];
  await expect.poll(() => destination.seen.length).toBeGreaterThanOrEqual(300);
  for (const worker of workers) await worker.stop();
  expect(destination.seen.map(({ eventId }) => eventId).toSorted()).toEqual(ids.toSorted());
  const partitions = new Set(destination.seen.map(({ sequence }) => partitionOf(sequence)));
  expect([...partitions].toSorted()).toEqual([0, 1, 2, 3]);
});
