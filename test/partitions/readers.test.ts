import { describe, expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { eventPosition, partitionOf } from '../../src/jetstream/events/event-position.ts';
import { partsOf } from '../../src/jetstream/events/event-streams.ts';
import { lengthOf } from '../../src/jetstream/events/ranges.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { findRanges, readInOrder } from '../../src/jetstream/read/read-ranges.ts';
import { readMessage } from '../../src/jetstream/read/read.ts';
import { walkPage, type Walk } from '../../src/jetstream/read/walk/walk-pages.ts';
import {
  requestPartitions,
  waitForPartitions,
} from '../../src/jetstream/server/partitions/change-partitions.ts';
import { anyName, subjects } from '../../src/jetstream/topology.ts';
import { createStoredIds } from '../../src/quarantine/stored-ids.ts';
import { followStream, type Followed } from '../../src/tail/follow-stream.ts';
import { publishEvents } from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';
import { storedEvents } from '../stored-events.ts';
import { splitLog } from './split-log.ts';

/** One after the other, so that their order is known, and a ms apart, so that their times differ. */
async function publishInOrder(log: Log, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) {
    ids.push(...(await publishEvents(log, 1)));
    const next = performance.now() + 2;
    while (performance.now() < next);
  }
  return ids;
}

async function allOf<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const positionsOf = async (log: Log): Promise<number[]> =>
  (await allOf(storedEvents(log))).map(({ sequence }) => sequence);

describe('a log with several partitions', () => {
  test('is read in the order in which its events came', async () => {
    await using real = await startRealLog();
    // What is in partition 0 already is older than all of the others.
    await publishInOrder(real.log, 3);
    const { log, positions } = await splitLog(real, [1, 5]);
    await publishInOrder(log, 20);
    const all = [1, 2, 3, ...positions];
    expect(new Set(all.map(partitionOf))).toEqual(new Set([0, 1, 5]));
    expect(await positionsOf(log)).toEqual(all);
    expect(all).not.toEqual(all.toSorted((left, right) => left - right));
    for (const position of [all[4]!, all[5]!, all.at(-1)!]) {
      expect((await readMessage(log, 'EVENTS', position))!.sequence).toBe(position);
    }
    expect(await readMessage(log, 'EVENTS', eventPosition(2, 1))).toBeUndefined();
    expect(await readMessage(log, 'EVENTS', eventPosition(1, 100))).toBeUndefined();
  });

  test('has ranges by time, one of each partition', async () => {
    await using real = await startRealLog();
    const { log, positions } = await splitLog(real, [1, 2]);
    expect(lengthOf(await findRanges(log, 'EVENTS'))).toBe(0);
    await publishInOrder(log, 12);
    const timeOf = async (index: number): Promise<number> =>
      (await readMessage(log, 'EVENTS', positions[index]!))!.storedAtMs;
    const between = { sinceMs: await timeOf(4), untilMs: await timeOf(9) };
    const ranges = await findRanges(log, 'EVENTS', between);
    expect(ranges.map(({ from }) => partitionOf(from))).toEqual([0, 1, 2]);
    const read = await allOf(readInOrder(log, 'EVENTS', ['>'], ranges));
    expect(read.map(({ sequence }) => sequence)).toEqual(positions.slice(4, 9));
    const later = await findRanges(log, 'EVENTS', { sinceMs: Date.now() + 60_000 });
    expect(lengthOf(later)).toBe(0);
    expect(later).toHaveLength(3);
  });

  test('has pages that hold each event once, in order, whatever is stored meanwhile', async () => {
    await using real = await startRealLog();
    const { log, positions } = await splitLog(real, [1, 2, 3]);
    await publishInOrder(log, 30);
    await publishEvents(log, 3, { eventName: 'page_viewed' });
    const expected = positions.slice(0, 30);
    const walk: Walk = {
      stream: 'EVENTS',
      subjects: [subjects.eventsOf('*', 'order_completed')],
      sinceMs: 0,
      untilMs: Infinity,
    };
    const found: number[] = [];
    const reached: number[] = [];
    let token = '';
    do {
      const page = await walkPage(log, 'events', walk, token, { itemsMax: 4 }, (one) => one);
      found.push(...page.items.map(({ sequence }) => sequence));
      reached.push(Number(page.walk.reached - page.walk.from) + 1);
      expect(Number(page.walk.upTo - page.walk.from) + 1).toBe(33);
      token = page.nextPageToken;
      await publishEvents(log, 2);
    } while (token !== '');
    expect(found).toEqual(expected);
    expect(reached.at(-1)).toBe(33);
    expect(reached).toEqual(reached.toSorted((left, right) => left - right));
    const late = { ...walk, sinceMs: (await readMessage(log, 'EVENTS', found[25]!))!.storedAtMs };
    const page = await walkPage(log, 'events', late, '', { itemsMax: 5 }, (one) => one);
    expect(page.items.map(({ sequence }) => sequence)).toEqual(expected.slice(25));
  });

  test('is followed in all partitions', async () => {
    await using real = await startRealLog();
    const { log, positions } = await splitLog(real, [1, 2]);
    await publishInOrder(log, 7);
    const subject = subjects.eventsOf('*', anyName);
    const follower = await followStream({ log, stream: 'EVENTS', subject, isWanted: () => true });
    const poll = (): Promise<Followed[]> => allOf(follower.poll());
    const followed = async (): Promise<number[]> =>
      (await poll()).map((one) => (one.kind === 'message' ? one.message.sequence : -one.count));
    expect(await poll()).toEqual([]);
    await publishInOrder(log, 8);
    expect(await followed()).toEqual(positions.slice(7));
    expect(await poll()).toEqual([]);
    await publishInOrder(log, 1);
    expect(await followed()).toEqual(positions.slice(15));
    // Who lags skips to the newest events of each partition.
    await publishEvents(log, 4_200);
    const [leftOut, ...rest] = await followed();
    expect(rest).toHaveLength(102);
    expect(leftOut).toBe(-4_098);
    expect(new Set(rest.map(partitionOf))).toEqual(new Set([0, 1, 2]));
    expect(await poll()).toEqual([]);
  });

  test('knows the ids of all partitions', async () => {
    await using real = await startRealLog();
    const { log, positions } = await splitLog(real, [1, 2]);
    const stored = createStoredIds(log);
    const event = { source: 'shop', eventName: 'order_completed', sinceMs: Date.now() - 1_000 };
    const find = (id: string) => stored.find({ ...event, messageId: `shop:${id}` });
    const ids = await publishInOrder(log, 6);
    expect(await Promise.all(ids.map(find))).toEqual(positions);
    const later = await publishInOrder(log, 6);
    await expect
      .poll(() => Promise.all(later.map(find)), { timeout: 5_000 })
      .toEqual(positions.slice(6));
    expect(await find('unknown')).toBeUndefined();
  });
});

test('what reads a partition that another process has deleted finds the others', async () => {
  await using real = await startRealLog({ partitions: 2 });
  const { log } = real;
  await publishInOrder(log, 12);
  const [kept, gone] = partsOf(log, 'EVENTS');
  const { manager } = clientsForTests(log);
  const layout = { generation: 1, open: [0], closed: [], isReady: true };
  await manager.streams.delete(gone!.stream);
  await log.store('LEDGER', subjects.layout, {}, JSON.stringify(layout));
  const left = (await findRanges(log, 'EVENTS')).map(({ from }) => partitionOf(from));
  expect(left).toEqual([kept!.partition]);
  expect(await readMessage(log, 'EVENTS', gone!.position(1))).toBeUndefined();
  expect(await allOf(storedEvents(log))).not.toEqual([]);
});

test('a change of the number of partitions breaks off no list, no tail and no order', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const subject = subjects.eventsOf('*', anyName);
  const walk: Walk = { stream: 'EVENTS', subjects: [subject], sinceMs: 0, untilMs: Infinity };
  const page = (token: string, itemsMax: number) =>
    walkPage(log, 'events', walk, token, { itemsMax }, ({ header }) => header('Nats-Msg-Id'));
  const idsOf = (ids: readonly string[]): string[] => ids.map((id) => `shop:${id}`);
  const before = await publishInOrder(log, 6);
  const first = await page('', 4);
  const follower = await followStream({ log, stream: 'EVENTS', subject, isWanted: () => true });
  const followed: string[] = [];
  const poll = async (): Promise<void> => {
    for await (const one of follower.poll()) {
      if (one.kind === 'message') followed.push(one.message.header('Nats-Msg-Id'));
    }
  };
  const after: string[] = [];
  for (const count of [3, 2]) {
    after.push(...(await publishInOrder(log, 3)));
    expect(await requestPartitions(log, count)).toBeUndefined();
    expect(await waitForPartitions(log, 20_000)).toBe(true);
    after.push(...(await publishInOrder(log, 6)));
    await poll();
  }
  expect(followed).toEqual(idsOf(after));
  const rest = await page(first.nextPageToken, 100);
  expect([...first.items, ...rest.items]).toEqual(idsOf(before));
  expect(rest.nextPageToken).toBe('');
  expect((await page('', 100)).items).toEqual(idsOf([...before, ...after]));
  // Another process, which opened the log after the changes.
  const other = await allOf(storedEvents(await real.open()));
  expect(other.map(({ header }) => header('Nats-Msg-Id'))).toEqual(idsOf([...before, ...after]));
}, 60_000);
