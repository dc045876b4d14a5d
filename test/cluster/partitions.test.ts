import { headers as natsHeaders } from '@nats-io/nats-core';
import { DiscardPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { connectToServer } from '../../src/jetstream/connection.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { subjects } from '../../src/jetstream/topology.ts';
import { openReplicated, startNatsCluster, type NatsCluster } from '../nats-cluster.ts';
import { storedEvents } from '../stored-events.ts';

/** The first sequence of partition 0 behind 200 earlier events. */
const first = 200 + 1_001;
let cluster: NatsCluster;

beforeAll(async () => {
  cluster = await startNatsCluster();
  await cluster.waitUntilFormed();
}, 60_000);
afterAll(() => cluster[Symbol.asyncDispose]());

const open = (node: number): Promise<Log> => openReplicated(cluster.address(node));

const store = (log: Log, id: string) =>
  log.store('EVENTS', subjects.event('shop', 'order_completed'), { 'Nats-Msg-Id': id }, '{}');

test('a cluster of a release without partitions is taken over by three gates at once, each event once', async () => {
  const connection = await connectToServer({
    address: cluster.address(),
    name: 'earlier',
    onStatus: () => {},
  });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({
    name: 'EVENTS',
    subjects: ['headgate.events.>'],
    discard: DiscardPolicy.New,
    max_bytes: 100 * 1024 * 1024,
    duplicate_window: 120_000_000_000,
    deny_delete: true,
    allow_direct: true,
    num_replicas: 3,
  });
  const publishAsEarlier = (id: string) => {
    const headers = natsHeaders();
    headers.set('Nats-Msg-Id', id);
    return jetstream(connection).publish('headgate.events.shop.page_viewed', '{}', { headers });
  };
  // A stream that was just made may not have a leader yet.
  const isTaken = () =>
    publishAsEarlier('shop:0').then(
      () => true,
      () => false,
    );
  await expect.poll(isTaken, { timeout: 20_000 }).toBe(true);
  await Promise.all(Array.from({ length: 200 }, (_, index) => publishAsEarlier(`shop:${index}`)));

  const logs = await Promise.all([open(0), open(1), open(2)]);
  try {
    // New events, known ids, and an earlier gate that still publishes, all at once.
    const acks = await Promise.all([
      ...logs.map((log, gate) => store(log, `shop:new-${gate}`)),
      ...logs.map((log, gate) => store(log, `shop:${gate * 60}`)),
    ]);
    for (const log of logs) acks.push(await store(log, 'shop:same'));
    const earlier = await publishAsEarlier('shop:earlier-gate');
    expect([earlier.stream, earlier.duplicate]).toEqual(['EVENTS_0', false]);
    expect(acks.slice(3, 6).every(({ duplicate }) => duplicate)).toBe(true);
    expect(acks.slice(0, 3).some(({ duplicate }) => duplicate)).toBe(false);
    expect(acks.slice(6).filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    const found: number[] = [];
    for await (const { sequence } of storedEvents(logs[2]!)) found.push(sequence);
    const old = Array.from({ length: 200 }, (_, index) => index + 1);
    expect(found).toEqual([...old, first, first + 1, first + 2, first + 3, first + 4]);
  } finally {
    await Promise.all([...logs.map((log) => log.close()), connection.close()]);
  }
}, 60_000);
