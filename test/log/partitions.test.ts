import { setTimeout as sleep } from 'node:timers/promises';

import { headers as natsHeaders } from '@nats-io/nats-core';
import { DiscardPolicy, jetstream, type JetStreamManager } from '@nats-io/jetstream';
import { describe, expect, test } from 'vitest';

import { createJanitor } from '../../src/jetstream/consume/janitor.ts';
import { readBacklog } from '../../src/jetstream/consume/backlog.ts';
import { clientsForTests } from '../../src/jetstream/clients.ts';
import { partAt } from '../../src/jetstream/events/event-streams.ts';
import { deleteEvent, readLedger } from '../../src/jetstream/integrity/ledger.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { walkPage } from '../../src/jetstream/read/walk/walk-pages.ts';
import { lastStoredAtMs, readPages, readMessage } from '../../src/jetstream/read/read.ts';
import { findRanges } from '../../src/jetstream/read/read-ranges.ts';
import { anyName, subjects } from '../../src/jetstream/topology.ts';
import {
  destinationConfig,
  publishEvents,
  recording,
  settled,
  startWorker,
} from '../delivery/rig.ts';
import { startRealLog, type RealLog } from '../real-log.ts';

/** The first sequence of partition 0 behind five earlier events. */
const first = 5 + 1_001;

const subjectsOf = async (log: Log, subject = '>', from?: number): Promise<string[]> => {
  const found: string[] = [];
  for await (const page of readPages(log, 'EVENTS', subject, { from: from ?? 1, to: Infinity })) {
    for (const { sequence, subject: stored } of page) found.push(`${sequence} ${stored}`);
  }
  return found;
};

const store = (log: Log, id: string, text = '{}') =>
  log.store('EVENTS', subjects.event('shop', 'order_completed'), { 'Nats-Msg-Id': id }, text);

/** What a gate of a release without partitions does. */
async function publishAsEarlier(log: Log, id: string, eventName = 'order_completed') {
  const headers = natsHeaders();
  headers.set('Nats-Msg-Id', id);
  const client = jetstream(clientsForTests(log).connection);
  return client.publish(`headgate.events.shop.${eventName}`, '{"eventId":"x"}', { headers });
}

/** A store as a release without partitions left it: five events, and crm has settled two. */
async function startEarlierLog(options: { closed?: boolean; dedupWindowMs?: number } = {}) {
  const real = await startRealLog(
    options.dedupWindowMs === undefined ? {} : { dedupWindowMs: options.dedupWindowMs },
  );
  const { manager } = clientsForTests(real.log);
  await manager.streams.delete('EVENTS_0');
  await addEarlierStream(manager, options.dedupWindowMs ?? 120_000);
  for (let number = 1; number <= 5; number += 1) {
    await publishAsEarlier(real.log, `shop:${number}`, number === 5 ? 'page_viewed' : undefined);
  }
  if (options.closed === true) {
    const { config } = await manager.streams.info('EVENTS');
    await manager.streams.update('EVENTS', {
      ...config,
      subjects: ['headgate.earlier'],
      max_bytes: 1,
    });
  }
  return real;
}

async function addEarlierStream(manager: JetStreamManager, dedupWindowMs: number): Promise<void> {
  await manager.streams.add({
    name: 'EVENTS',
    subjects: ['headgate.events.>'],
    discard: DiscardPolicy.New,
    max_bytes: 100 * 1024 * 1024,
    duplicate_window: dedupWindowMs * 1_000_000,
    deny_delete: true,
    allow_direct: true,
  });
}

const janitorOf = (log: Log, destinations: string[]) =>
  createJanitor({ log, retentionMs: 1, destinations, onTrouble: () => {} });

describe('the store of a release without partitions', () => {
  test('keeps its events, and the new ones continue their sequences', async () => {
    await using real = await startEarlierLog();
    const log = await real.open();
    const ack = await store(log, 'shop:new');
    expect(ack).toEqual({ sequence: first, duplicate: false });
    const all = [
      '1 headgate.events.shop.order_completed',
      '2 headgate.events.shop.order_completed',
      '3 headgate.events.shop.order_completed',
      '4 headgate.events.shop.order_completed',
      '5 headgate.events.shop.page_viewed',
      `${first} headgate.events.0.shop.order_completed`,
    ];
    expect(await subjectsOf(log)).toEqual(all);
    expect(await subjectsOf(log, '>', 5)).toEqual(all.slice(4));
    expect(await subjectsOf(log, '>', first)).toEqual(all.slice(5));
    expect(await subjectsOf(log, subjects.eventsOf('shop', 'page_viewed'))).toEqual([all[4]]);
    expect(await subjectsOf(log, subjects.eventsOf('other', anyName))).toEqual([]);
    const wanted = [subjects.eventsOf('*', 'page_viewed'), subjects.eventsOf('shop', 'other')];
    const walk = { stream: 'EVENTS', subjects: wanted, sinceMs: 0, untilMs: Infinity } as const;
    // Filtered by nats-server, and beside producers by the reader.
    for (const isKept of [false, true]) {
      Object.assign(clientsForTests(log).pace, { isKept: () => isKept });
      const limits = { itemsMax: 500 };
      const page = await walkPage(log, 'events', walk, '', limits, ({ sequence }) => sequence);
      expect(page).toMatchObject({ items: [5], nextPageToken: '' });
    }
    expect(await findRanges(log, 'EVENTS')).toEqual([{ from: 1, to: first }]);
    expect((await readMessage(log, 'EVENTS', 5))!.subject).toBe('headgate.events.shop.page_viewed');
    expect((await readMessage(log, 'EVENTS', first))!.sequence).toBe(first);
    expect(await readMessage(log, 'EVENTS', 6)).toBeUndefined();
    const after = await subjectsOf(log, subjects.eventsOf('*', 'order_completed'), 5);
    expect(after).toEqual([all[5]]);
    const storedAtMs = (await readMessage(log, 'EVENTS', first))!.storedAtMs;
    const since = await findRanges(log, 'EVENTS', { sinceMs: storedAtMs });
    expect(since).toEqual([{ from: first, to: first }]);
    const name = subjects.eventsOf('*', 'order_completed');
    expect(await lastStoredAtMs(log, 'EVENTS', name)).toBe(storedAtMs);
  });

  test('recognises an id that it stored within the dedup window, and stores nothing for a look-up', async () => {
    await using real = await startEarlierLog();
    const log = await real.open();
    const acks = await Promise.all([
      store(log, 'shop:3'),
      store(log, 'shop:unknown'),
      store(log, 'shop:5'),
    ]);
    expect(acks).toEqual([
      { sequence: 3, duplicate: true },
      { sequence: first, duplicate: false },
      { sequence: 5, duplicate: true },
    ]);
    expect(await store(log, 'shop:unknown')).toEqual({ sequence: first, duplicate: true });
    // After a restart of the server, too: it reads the ids again from what it holds.
    real.killServer();
    await sleep(500);
    await expect
      .poll(() => store(log, 'shop:4').catch((error: Error) => error.message), { timeout: 10_000 })
      .toEqual({ sequence: 4, duplicate: true });
    const { state } = await clientsForTests(log).manager.streams.info('EVENTS');
    expect([state.messages, state.last_seq]).toEqual([5, 5]);
  });

  test('takes what gates of that release still publish, each event once', async () => {
    await using real = await startEarlierLog();
    const log = await real.open();
    expect(await store(log, 'shop:a')).toEqual({ sequence: first, duplicate: false });
    const earlier = await publishAsEarlier(log, 'shop:b');
    expect([earlier.stream, earlier.seq]).toEqual(['EVENTS_0', first + 1]);
    expect((await publishAsEarlier(log, 'shop:a')).duplicate).toBe(true);
    expect(await store(log, 'shop:b')).toEqual({ sequence: first + 1, duplicate: true });
    expect(await subjectsOf(log, '>', first)).toEqual([
      `${first} headgate.events.0.shop.order_completed`,
      `${first + 1} headgate.events.0.shop.order_completed`,
    ]);
  });

  test('is opened by several processes at once, and after a crash in the middle', async () => {
    await using real = await startEarlierLog({ closed: true });
    const logs = await Promise.all([real.open(), real.open(), real.open()]);
    const acks = await Promise.all(logs.map((log, number) => store(log, `shop:p${number}`)));
    const sequences = acks.map(({ sequence }) => sequence).toSorted((one, two) => one - two);
    expect(sequences).toEqual([first, first + 1, first + 2]);
    expect(await store(logs[0]!, 'shop:2')).toEqual({ sequence: 2, duplicate: true });
  });

  test('is delivered from where each destination was, and then from partition 0', async () => {
    await using real = await startEarlierLog();
    const { manager } = clientsForTests(real.log);
    await manager.consumers.add('EVENTS', {
      durable_name: 'crm',
      ack_policy: 'explicit',
      deliver_policy: 'all',
      ack_wait: 1_000_000_000,
      max_deliver: 5,
    });
    const consumer = await jetstream(clientsForTests(real.log).connection).consumers.get(
      'EVENTS',
      'crm',
    );
    for await (const message of await consumer.fetch({ max_messages: 2 })) await message.ackAck();
    const log = await real.open();
    await publishEvents(log, 2);
    expect((await readBacklog(log, 'crm'))!.waiting).toBe(3);
    const destination = recording();
    const worker = await startWorker(log, destination, { config: destinationConfig() });
    await expect.poll(() => destination.seen.length).toBe(5);
    await settled(log);
    await worker.stop();
    expect((await readBacklog(log, 'crm'))!.waiting).toBe(0);
  });

  test('is deleted once its events are old and settled and its ids are forgotten', async () => {
    await using real = await startEarlierLog({ dedupWindowMs: 1_000 });
    const log = await real.open();
    const other = await real.open();
    const { manager } = clientsForTests(log);
    const roomBefore = (await manager.streams.info('EVENTS_0')).config.max_bytes;
    await publishEvents(log, 2);
    // Its events are not settled.
    expect(await janitorOf(log, ['crm']).run()).toBe(0);
    const worker = await startWorker(log, recording(), { config: destinationConfig() });
    await expect.poll(async () => (await readBacklog(log, 'crm'))!.waiting).toBe(0);
    await worker.stop();
    await sleep(1_200);
    // All five, and one of the two of partition 0, whose last message stays.
    expect(await janitorOf(log, ['crm']).run()).toBe(6);
    await janitorOf(log, ['crm']).run();
    await expect(manager.streams.info('EVENTS')).rejects.toThrow(/not found/);
    const { config } = await manager.streams.info('EVENTS_0');
    expect(config.subjects).toEqual(['headgate.events.0.*.*']);
    expect(config.subject_transform).toBeUndefined();
    expect(config.max_bytes).toBeGreaterThan(roomBefore);
    for (const one of [log, other]) {
      expect(await subjectsOf(one)).toEqual([
        `${first + 1} headgate.events.0.shop.order_completed`,
      ]);
      expect(await findRanges(one, 'EVENTS')).toEqual([{ from: first + 1, to: first + 1 }]);
      expect((await readBacklog(one, 'crm'))!.waiting).toBe(0);
    }
    expect(await store(other, 'shop:after')).toEqual({ sequence: first + 2, duplicate: false });
    // Another start finds nothing left of it.
    expect(await store(await real.open(), 'shop:later')).toMatchObject({ sequence: first + 3 });
  });
});

describe('the ledger', () => {
  const ledgerOf = (real: RealLog) => readLedger(real.log, partAt(real.log, 'EVENTS', 1)!);

  test('knows what the janitor and a request deleted', async () => {
    await using real = await startRealLog();
    const { log } = real;
    expect(await ledgerOf(real)).toMatchObject({ keptFrom: 1, deleted: [] });
    await publishEvents(log, 6);
    await deleteEvent(log, 2, 'request');
    await deleteEvent(log, 5, 'request');
    await deleteEvent(log, 5, 'request');
    expect(await ledgerOf(real)).toMatchObject({
      keptFrom: 1,
      deleted: [
        { from: 2, to: 2 },
        { from: 5, to: 5 },
      ],
    });
    expect(await subjectsOf(log)).toHaveLength(4);
    const worker = await startWorker(log, recording(), { config: destinationConfig() });
    await settled(log);
    await worker.stop();
    await sleep(10);
    expect(await janitorOf(log, ['crm']).run()).toBe(3);
    expect(await ledgerOf(real)).toMatchObject({ keptFrom: 6, deleted: [] });
  });

  test('is written first: without an entry nothing is deleted', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await publishEvents(log, 6);
    const worker = await startWorker(log, recording(), { config: destinationConfig() });
    await settled(log);
    await worker.stop();
    const { manager } = clientsForTests(log);
    const { config } = await manager.streams.info('LEDGER');
    await manager.streams.update('LEDGER', { ...config, max_bytes: 1 });
    await sleep(10);
    await expect(janitorOf(log, ['crm']).run()).rejects.toThrow(/maximum bytes/);
    await expect(deleteEvent(log, 2, 'request')).rejects.toThrow(/maximum bytes/);
    expect(await subjectsOf(log)).toHaveLength(6);
    await manager.streams.update('LEDGER', config);
    expect(await janitorOf(log, ['crm']).run()).toBe(5);
  });
});
