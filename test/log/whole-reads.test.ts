import { describe, expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { findRanges, readInOrder } from '../../src/jetstream/read/read-ranges.ts';
import { walkPage, type PageLimits } from '../../src/jetstream/read/walk/walk-pages.ts';
import { messagesBeside } from '../../src/jetstream/read/whole-reads.ts';
import { anyName, subjects } from '../../src/jetstream/topology.ts';
import { publishEvents } from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';
import { fillWithRare, rare, watchPages } from './asked-pages.ts';

const ofRare = subjects.eventsOf('*', rare);
const walk = { stream: 'EVENTS', subjects: [ofRare], sinceMs: 0, untilMs: Infinity } as const;

async function walkAll(log: Log, limits: PageLimits): Promise<number[]> {
  const found: number[] = [];
  let token = '';
  do {
    const page = await walkPage(log, 'events', walk, token, limits, ({ sequence }) => sequence);
    found.push(...page.items);
    token = page.nextPageToken;
  } while (token !== '');
  return found;
}

async function sequencesOf(
  messages: AsyncIterable<{ readonly sequence: number }>,
): Promise<number[]> {
  const found: number[] = [];
  for await (const { sequence } of messages) found.push(sequence);
  return found;
}

/** Lists of a name, by how many events a call may return. Each returns what it found. */
const readers: Readonly<Record<string, (log: Log) => Promise<number[]>>> = {
  'a list': (log) => walkAll(log, { itemsMax: 100 }),
  'a long list': (log) => walkAll(log, { itemsMax: 500 }),
  'a list in short calls': (log) => walkAll(log, { itemsMax: 1 }),
};

describe.each(Object.entries(readers))('%s', (_name, read) => {
  test.each([1, 3])('finds the same beside producers, in %s partitions', async (partitions) => {
    await using real = await startRealLog({ partitions });
    const { log } = real;
    await fillWithRare(log);
    const filtered = watchPages(log, false);
    const found = await read(log);
    expect(found.length).toBeGreaterThan(1);
    expect(filtered.length).toBeGreaterThan(0);
    const asked = watchPages(log, true);
    expect(await read(log)).toEqual(found);
    expect(asked.length).toBeGreaterThan(1);
    for (const { batch, next_by_subj: subject = '>' } of asked) {
      expect(subject).toBe('>');
      expect(batch).toBeLessThanOrEqual(messagesBeside);
    }
  });
});

test('every event is never asked for by a subject', async () => {
  await using real = await startRealLog({});
  await fillWithRare(real.log);
  const asked = watchPages(real.log, false);
  const every = subjects.eventsOf('*', anyName);
  const ranges = await findRanges(real.log, 'EVENTS');
  expect(await sequencesOf(readInOrder(real.log, 'EVENTS', [every], ranges))).toHaveLength(1_200);
  expect(asked.length).toBeGreaterThan(1);
  expect(asked.filter(({ next_by_subj: subject }) => subject !== '>')).toEqual([]);
});

// Each of these pages costs nats-server a count, and what the reader skips has no limit.
test('who needs all events of a name asks for large pages of it, also beside producers', async () => {
  await using real = await startRealLog({});
  const { log } = real;
  await fillWithRare(log);
  const asked = watchPages(log, true);
  const ranges = await findRanges(log, 'EVENTS');
  expect(await sequencesOf(readInOrder(log, 'EVENTS', [ofRare], ranges))).toHaveLength(3);
  expect(asked.map(({ next_by_subj: subject }) => subject)).toEqual(asked.map(() => ofRare));
  expect(Math.min(...asked.map(({ batch }) => batch))).toBeGreaterThan(messagesBeside);
});

test('a call that began without producers keeps its limits when they come', async () => {
  await using real = await startRealLog({});
  const { log } = real;
  await publishEvents(log, 3_000);
  await publishEvents(log, 1, { eventName: rare });
  const asked = watchPages(log, false);
  let isFirst = true;
  Object.assign(clientsForTests(log).pace, {
    isKept: () => {
      const isKept = !isFirst;
      isFirst = false;
      return isKept;
    },
  });
  expect(await walkAll(log, { itemsMax: 100 })).toHaveLength(1);
  expect(asked.length).toBeLessThan(5);
});

test('a call that finds nothing ends in time, and the next one goes on', async () => {
  await using real = await startRealLog({});
  const { log } = real;
  await publishEvents(log, 500);
  await publishEvents(log, 1, { eventName: rare });
  watchPages(log, true);
  // As long as the producers want it.
  Object.assign(clientsForTests(log).pace, { count: () => 100 });
  const limits = { itemsMax: 10, durationMsMax: 300 };
  const empty = await walkPage(log, 'events', walk, '', limits, ({ sequence }) => sequence);
  expect(empty.items).toEqual([]);
  expect(empty.nextPageToken).not.toBe('');
  expect(Number(empty.walk.reached)).toBeGreaterThan(64);
  expect(await walkAll(log, limits)).toHaveLength(1);
});
