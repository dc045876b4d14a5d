import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { readBacklog } from '../../src/jetstream/consume/backlog.ts';
import { createJanitor } from '../../src/jetstream/consume/janitor.ts';
import { partitionOf } from '../../src/jetstream/events/event-position.ts';
import { partsOf } from '../../src/jetstream/events/event-streams.ts';
import type { Log } from '../../src/jetstream/log.ts';
import type { PublishAck } from '../../src/jetstream/publish/publish-ack.ts';
import {
  readPartitions,
  requestPartitions,
  waitForPartitions,
} from '../../src/jetstream/server/partitions/change-partitions.ts';
import { inspectStreams } from '../../src/jetstream/server/inspect-server.ts';
import { subjects } from '../../src/jetstream/topology.ts';
import { findRange } from '../../src/redelivery/selection.ts';
import {
  destinationConfig,
  publishEvents,
  recording,
  startWorker,
  settled,
} from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';
import { everything } from '../redelivery/lane-rig.ts';
import { storedEvents } from '../stored-events.ts';
import { change } from './change-rig.ts';

const store = (log: Log, id: string): Promise<PublishAck> =>
  log.store('EVENTS', subjects.event('shop', 'order_completed'), { 'Nats-Msg-Id': id }, '{}');

const storeAll = (log: Log, ids: readonly string[]): Promise<PublishAck[]> =>
  Promise.all(ids.map((id) => store(log, id)));

const newIds = (count: number): string[] =>
  Array.from({ length: count }, () => `shop:${randomUUID()}`);

const namesOf = (log: Log, isClosed: boolean): string[] =>
  partsOf(log, 'EVENTS')
    .filter((part) => part.isClosed === isClosed)
    .map(({ stream }) => stream);

async function storedIds(log: Log): Promise<string[]> {
  const ids: string[] = [];
  for await (const message of storedEvents(log)) {
    ids.push(message.header('Nats-Msg-Id'));
  }
  return ids.toSorted();
}

const duplicates = (acks: readonly PublishAck[]): PublishAck[] =>
  acks.map(({ sequence }) => ({ sequence, duplicate: true }));

test('ids are recognised over every change within the dedup window', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const gate = await real.open({ partitions: 1 });
  const ids: string[] = [];
  const acks: PublishAck[] = [];
  for (const count of [4, 2, 1]) {
    const fresh = newIds(60);
    const first = await storeAll(gate, fresh);
    expect(first.every(({ duplicate }) => !duplicate)).toBe(true);
    ids.push(...fresh);
    acks.push(...first);
    await change(log, count);
    // The gate has not heard of it yet.
    expect(await storeAll(gate, ids)).toEqual(duplicates(acks));
  }
  expect(namesOf(gate, true)).toEqual([0, 1, 2, 3, 4, 5, 6].map((number) => `EVENTS_${number}`));
  expect(namesOf(gate, false)).toEqual(['EVENTS_7']);
  expect(new Set(acks.map(({ sequence }) => sequence)).size).toBe(ids.length);
  // After a restart of the server, and in a process that has just begun.
  real.killServer();
  await sleep(500);
  const later = await real.open();
  await expect
    .poll(() => storeAll(later, ids).catch(() => []), { timeout: 10_000 })
    .toEqual(duplicates(acks));
  expect(await storedIds(later)).toEqual(ids.toSorted());
});

test('producers that send meanwhile notice nothing, and every event is there once', async () => {
  await using real = await startRealLog({ publishTimeoutMs: 10_000 });
  const gates = [real.log, await real.open(), await real.open()];
  const sent: string[] = [];
  let isSending = true;
  const senders = gates.map(async (gate, index) => {
    while (isSending) {
      const ids = newIds(20);
      sent.push(...ids);
      const acks = await storeAll(gate, ids);
      expect(acks.every(({ duplicate }) => !duplicate)).toBe(true);
      // A retry, by another gate.
      expect(await storeAll(gates[(index + 1) % 3]!, ids)).toEqual(duplicates(acks));
      await sleep(5);
    }
  });
  for (const count of [4, 2]) {
    await sleep(200);
    await change(gates[0]!, count);
  }
  await sleep(200);
  isSending = false;
  await Promise.all(senders);
  expect(sent.length).toBeGreaterThan(500);
  expect(await storedIds(real.log)).toEqual(sent.toSorted());
});

test.each([
  { what: 'was requested', closes: false },
  { what: 'had closed the old stream', closes: true },
])(
  'a change whose process ended after it $what is completed by the next start',
  async ({ closes }) => {
    await using real = await startRealLog();
    const first = await store(real.log, 'shop:1');
    await real.log.close();
    const asking = await real.open();
    await requestPartitions(asking, 3);
    if (closes) {
      const { streams } = clientsForTests(asking).manager;
      const { config } = await streams.info('EVENTS_0');
      const closed = { ...config, subjects: [subjects.closedIds(0)], max_bytes: 1 };
      await streams.update('EVENTS_0', closed);
    }
    await asking.close();
    const log = await real.open();
    expect(namesOf(log, false)).toEqual(['EVENTS_1', 'EVENTS_2', 'EVENTS_3']);
    expect((await readPartitions(log)).isReady).toBe(true);
    expect(await store(log, 'shop:1')).toEqual({ sequence: first.sequence, duplicate: true });
  },
);

test('workers follow, and a destination without a worker holds what comes', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const other = await real.open();
  const away = destinationConfig({ name: 'warehouse' });
  const gone = await startWorker(log, recording(), { config: away });
  await gone.stop();
  const destination = recording();
  const worker = await startWorker(other, destination, { config: destinationConfig() });
  const ids = await publishEvents(log, 50);
  await change(log, 4);
  ids.push(...(await publishEvents(log, 50)));
  // Before any worker of it runs again.
  expect((await readBacklog(log, 'warehouse'))!.waiting).toBe(100);
  await expect.poll(() => destination.seen.length, { timeout: 10_000 }).toBe(100);
  await change(log, 2);
  ids.push(...(await publishEvents(log, 50)));
  await expect.poll(() => destination.seen.length, { timeout: 10_000 }).toBe(150);
  await settled(log);
  await worker.stop();
  expect(destination.seen.map(({ eventId }) => eventId).toSorted()).toEqual(ids.toSorted());
  const late = recording();
  const again = await startWorker(log, late, { config: away });
  await expect.poll(() => late.seen.length, { timeout: 10_000 }).toBe(150);
  await again.stop();
});

test('a closed partition is deleted once it is old, settled and not asked, and its room returns', async () => {
  await using real = await startRealLog({ dedupWindowMs: 2_000 });
  const { log } = real;
  const { manager } = clientsForTests(log);
  const worker = await startWorker(log, recording(), { config: destinationConfig() });
  await publishEvents(log, 30);
  await change(log, 2);
  await publishEvents(log, 10);
  const janitor = createJanitor({
    log,
    retentionMs: 1,
    destinations: ['crm'],
    onTrouble: () => {},
  });
  await settled(log);
  await janitor.run();
  await janitor.run();
  // Its ids are still asked for.
  expect(namesOf(log, true)).toEqual(['EVENTS_0']);
  const room = (await manager.streams.info('EVENTS_1')).config.max_bytes;
  await sleep(2_100);
  await janitor.run();
  expect(namesOf(log, true)).toEqual([]);
  expect(namesOf(log, false)).toEqual(['EVENTS_1', 'EVENTS_2']);
  await expect(manager.streams.info('EVENTS_0')).rejects.toThrow(/not found/);
  expect((await manager.streams.info('EVENTS_1')).config.max_bytes).toBeGreaterThanOrEqual(room);
  expect((await readPartitions(log)).parts.map(({ stream }) => stream)).toEqual([
    'EVENTS_1',
    'EVENTS_2',
  ]);
  // A redelivery says that it cannot reach back to what was there.
  expect((await findRange(log, everything)).isCut).toBe(true);
  await worker.stop();
});

test('a change to many partitions waits once for those that it closes', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const { streams } = clientsForTests(log).manager;
  const info = streams.info.bind(streams);
  let looks = 0;
  streams.info = (stream, ...rest) => {
    if (stream === 'EVENTS_0') looks += 1;
    return info(stream, ...rest);
  };
  await change(log, 16);
  expect(namesOf(log, false)).toHaveLength(16);
  expect(looks).toBeGreaterThan(1);
  expect(looks).toBeLessThan(16);
});

test('a number that is used again goes on behind its old sequences', async () => {
  await using real = await startRealLog({ dedupWindowMs: 1_000 });
  const { log } = real;
  const { manager } = clientsForTests(log);
  const before = await Promise.all(newIds(25).map((id) => store(log, id)));
  expect(before.map(({ sequence }) => partitionOf(sequence))).toEqual(before.map(() => 0));
  await change(log, 2);
  await sleep(1_100);
  const janitor = createJanitor({ log, retentionMs: 1, destinations: [], onTrouble: () => {} });
  await janitor.run();
  await janitor.run();
  expect(namesOf(log, true)).toEqual([]);
  const entry = await manager.streams.getMessage('LEDGER', { last_by_subj: subjects.layout });
  // As if 254 numbers had been used since.
  const layout = {
    ...entry!.json<object>(),
    generation: 9,
    open: [0],
    isReady: false,
    closed: [[1, 2]],
  };
  await manager.jetstream().publish(subjects.layout, JSON.stringify(layout));
  expect(await waitForPartitions(log, 20_000)).toBe(true);
  const { sequence } = await store(log, 'shop:new');
  expect(sequence).toBeGreaterThan(Math.max(...before.map((ack) => ack.sequence)));
});

test('partitions that LEDGER does not know, as after the restore of a backup, are read and closed', async () => {
  await using real = await startRealLog({ partitions: 2 });
  const ids = newIds(40);
  const acks = await storeAll(real.log, ids);
  await real.log.close();
  const { manager } = clientsForTests(await real.open());
  await manager.streams.purge('LEDGER', { filter: subjects.layout });
  const log = await real.open();
  expect(namesOf(log, false)).toEqual(['EVENTS_0']);
  expect(namesOf(log, true)).toEqual(['EVENTS_1']);
  expect(await storedIds(log)).toEqual(ids.toSorted());
  // The next change has numbers of its own.
  await change(log, 2);
  await expect
    .poll(() => namesOf(log, false), { timeout: 10_000 })
    .toEqual(['EVENTS_2', 'EVENTS_3']);
  expect(new Set(acks.map(({ sequence }) => sequence)).size).toBe(40);
});

test('doctor finds nothing wrong with streams that are closed, and with the room of the others', async () => {
  const topology = { dedupWindowMs: 120_000, storageBytesMax: 256 * 1024 * 1024, replicas: 1 };
  await using real = await startRealLog();
  const log = await real.open(topology);
  await publishEvents(log, 200);
  await change(log, 2);
  const { manager } = clientsForTests(log);
  await manager.streams.deleteMessage('EVENTS_0', 1, false);

  const { sizes, checks } = await inspectStreams(log, topology);

  expect(sizes.find(({ name }) => name === 'EVENTS_0')).toMatchObject({ bytesMax: 0 });
  expect(sizes.find(({ name }) => name === 'EVENTS_1')!.bytesMax).toBeGreaterThan(1_000);
  expect(checks.filter(({ drift }) => drift.length > 0)).toEqual([]);
});
