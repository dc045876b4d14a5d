import { expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { partsOf } from '../../src/jetstream/events/event-streams.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { findRanges, readInOrder } from '../../src/jetstream/read/read-ranges.ts';
import { walkPage, type Walk, type WalkPage } from '../../src/jetstream/read/walk/walk-pages.ts';
import { subjects } from '../../src/jetstream/topology.ts';
import { publishEvents, until } from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';

const subject = subjects.eventsOf('*', 'order_completed');
const walk: Walk = { stream: 'EVENTS', subjects: [subject], sinceMs: 0, untilMs: Infinity };

const pageOf = (log: Log, token: string, itemsMax = 500): Promise<WalkPage<number>> =>
  walkPage(log, 'events', walk, token, { itemsMax }, ({ sequence }) => sequence);

/** The names of the readers' consumers. */
async function readersOf(log: Log): Promise<string[]> {
  const names: string[] = [];
  for (const { stream } of partsOf(log, 'EVENTS')) {
    for await (const { name } of clientsForTests(log).manager.consumers.list(stream)) {
      names.push(name);
    }
  }
  return names.toSorted();
}

async function expectedOf(log: Log): Promise<number[]> {
  const all: number[] = [];
  for await (const { sequence } of readInOrder(
    log,
    'EVENTS',
    [subject],
    await findRanges(log, 'EVENTS'),
  )) {
    all.push(sequence);
  }
  return all;
}

/** As if it was long ago: beside producers a walk reads in other pages (whole-reads.test.ts). */
async function fill(log: Log, count: number, eventName?: string): Promise<void> {
  Object.assign(clientsForTests(log).pace, { isKept: () => false });
  const names = eventName === undefined ? {} : { eventName };
  for (let left = count; left > 0; left -= 1_000) {
    await publishEvents(log, Math.min(left, 1_000), names);
  }
}

/** Reads all pages, and how many readers it saw in between. */
async function readWalk(log: Log): Promise<{ read: number[]; readers: number }> {
  const read: number[] = [];
  const seen = new Set<string>();
  let token = '';
  do {
    const page = await pageOf(log, token);
    read.push(...page.items);
    token = page.nextPageToken;
    if (token !== '') for (const name of await readersOf(log)) seen.add(name);
  } while (token !== '');
  return { read, readers: seen.size };
}

test.each([1, 2])('the pages of a walk over %d partitions share a reader', async (partitions) => {
  await using real = await startRealLog({ partitions });
  const { log } = real;
  await fill(log, 7_000 * partitions);
  const { read, readers } = await readWalk(log);
  expect(read).toEqual(await expectedOf(log));
  expect(read).toHaveLength(7_000 * partitions);
  expect(readers).toBe(partitions);
  await until(
    () => readersOf(log),
    ({ length }) => length === 0,
  );
});

test('events of other names are dropped, and many of them end the reader', async () => {
  await using real = await startRealLog();
  const { log } = real;
  for (let round = 0; round < 8; round += 1) {
    await fill(log, 400);
    await fill(log, 100, 'cart_viewed');
  }
  await fill(log, 4_000, 'cart_viewed');
  for (let round = 0; round < 8; round += 1) {
    await fill(log, 10);
    await fill(log, 100, 'cart_viewed');
  }
  const expected = await expectedOf(log);
  expect(expected).toHaveLength(3_280);
  const asked: string[] = [];
  const { connection } = clientsForTests(log);
  const watched = connection.subscribe('$JS.API.CONSUMER.MSG.NEXT.EVENTS_0.*', {
    callback: (_error, message) => void asked.push(message.subject),
  });
  await connection.flush();
  const { read, readers } = await readWalk(log);
  await connection.flush();
  watched.unsubscribe();
  expect(read).toEqual(expected);
  expect(readers).toBe(1);
  // All of the first part, whose pages are of 512 messages, and one or two of what follows.
  expect(asked.length).toBeGreaterThan(6);
  expect(asked.length).toBeLessThan(12);
});

test('a page may be asked for twice, in any order, beside other walks, and without its reader', async () => {
  await using real = await startRealLog();
  const { log } = real;
  await fill(log, 8_000);
  const expected = await expectedOf(log);
  expect(expected).toHaveLength(8_000);
  const tokens = [''];
  for (let index = 0; index < 4; index += 1) {
    tokens.push((await pageOf(log, tokens.at(-1)!)).nextPageToken);
  }
  // More walks than are kept, each at another place, and one place by two callers at once.
  const asked = [2, 1, 3, 1, 0, 2, 2, 3];
  const pages = await Promise.all(asked.map((index) => pageOf(log, tokens[index]!)));
  const wanted = (index: number): number[] => expected.slice(index * 500, (index + 1) * 500);
  expect(pages.map(({ items }) => items)).toEqual(asked.map(wanted));
  // The reader of a kept page ends with its consumer.
  const { manager } = clientsForTests(log);
  for (const name of await readersOf(log)) await manager.consumers.delete('EVENTS_0', name);
  const next = await Promise.all(pages.map((page) => pageOf(log, page.nextPageToken)));
  expect(next.map(({ items }) => items)).toEqual(asked.map((index) => wanted(index + 1)));
});

test('short pages make no consumer, and a reader is closed when no page follows', async () => {
  await using real = await startRealLog();
  const { log } = real;
  await fill(log, 6_000);
  const first = await pageOf(log, '', 100);
  const second = await pageOf(log, first.nextPageToken, 100);
  expect(second.items).toEqual((await expectedOf(log)).slice(100, 200));
  expect(await readersOf(log)).toEqual([]);
  const wide = await walkPage(
    log,
    'events',
    walk,
    '',
    { itemsMax: 2, messagesMax: 10_000 },
    ({ sequence }) => sequence,
  );
  expect(wide.items).toEqual((await expectedOf(log)).slice(0, 2));
  expect(await readersOf(log)).toHaveLength(1);
  await until(
    () => readersOf(log),
    ({ length }) => length === 0,
  );
});
