import { afterAll, beforeAll, expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import type { Log } from '../../src/jetstream/log.ts';
import {
  readPartitions,
  requestPartitions,
  waitForPartitions,
} from '../../src/jetstream/server/partitions/change-partitions.ts';
import { createLeaderSpread } from '../../src/jetstream/server/partitions/spread-leaders.ts';
import { subjects } from '../../src/jetstream/topology.ts';
import { openReplicated, startNatsCluster, type NatsCluster } from '../nats-cluster.ts';

let cluster: NatsCluster;

beforeAll(async () => {
  cluster = await startNatsCluster();
  await cluster.waitUntilFormed();
}, 60_000);
afterAll(() => cluster[Symbol.asyncDispose]());

const open = (node: number): Promise<Log> =>
  openReplicated(cluster.address(node), { partitions: 1 });

const store = (log: Log, id: string) =>
  log.store('EVENTS', subjects.event('shop', 'order_completed'), { 'Nats-Msg-Id': id }, '{}');

async function leadersOf(log: Log): Promise<string[]> {
  const { parts } = await readPartitions(log);
  return parts.filter(({ isClosed }) => !isClosed).map(({ leader }) => leader ?? 'none');
}

test('a cluster of three changes to six partitions, and each server leads two', async () => {
  const logs = [await open(0), await open(1)];
  const [log] = logs as [Log, Log];
  try {
    const ids = Array.from({ length: 60 }, (_one, number) => `shop:${number}`);
    const before = await Promise.all(ids.map((id) => store(log, id)));
    expect(await requestPartitions(log, 6)).toBeUndefined();
    expect(await waitForPartitions(log, 60_000)).toBe(true);
    const after = await Promise.all(ids.map((id) => store(logs[1]!, id)));
    expect(after).toEqual(before.map(({ sequence }) => ({ sequence, duplicate: true })));

    // As after a rolling restart: one server leads all.
    const { connection } = clientsForTests(log);
    const [one] = await leadersOf(log);
    const streams = (await readPartitions(log)).parts.filter(({ isClosed }) => !isClosed);
    for (const { stream } of streams) {
      await connection.request(
        `$JS.API.STREAM.LEADER.STEPDOWN.${stream}`,
        JSON.stringify({ placement: { preferred: one } }),
      );
    }
    await expect.poll(() => leadersOf(log), { timeout: 30_000 }).toEqual(streams.map(() => one));

    const spreads = logs.map((each) =>
      createLeaderSpread({ log: each, onMoved: () => {}, onTrouble: () => {}, pauseMs: 1_000 }),
    );
    const moved = await Promise.all(spreads.map((spread) => spread.run()));
    // One of the two has moved them.
    expect(Math.min(...moved)).toBe(0);
    const counts = Object.values(Object.groupBy(await leadersOf(log), (name) => name));
    expect(counts.map((all) => all!.length)).toEqual([2, 2, 2]);
    await store(log, 'shop:afterwards');
    for (const spread of spreads) await spread.stop();
  } finally {
    for (const each of logs) await each.close();
  }
}, 180_000);
