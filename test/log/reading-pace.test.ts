import { expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { walkPage, type PageLimits } from '../../src/jetstream/read/walk/walk-pages.ts';
import { reconcile } from '../../src/reconciliation/reconcile.ts';
import { publishEvents, until } from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';

/** Replaces the pace of a log. Returns what its readers count. */
function watchPace(log: Log, waitMs: number): { messages: number; bytes: number }[] {
  const counted: { messages: number; bytes: number }[] = [];
  Object.assign(clientsForTests(log), {
    pace: {
      count: (messages: number, bytes: number): number => {
        counted.push({ messages, bytes });
        return waitMs;
      },
      isKept: () => true,
    },
  });
  return counted;
}

const walk = {
  stream: 'EVENTS',
  subjects: ['headgate.events.>'],
  sinceMs: 0,
  untilMs: Infinity,
} as const;

function page(log: Log, limits: PageLimits, token = '') {
  return walkPage(log, 'events', walk, token, limits, ({ sequence }) => sequence);
}

test.each([
  ['long pages', 200],
  ['pages shorter than a slice', 50],
])('%s count every message that they read', async (_what, itemsMax) => {
  await using real = await startRealLog();
  await publishEvents(real.log, 300);
  const counted = watchPace(real.log, 0);
  let token = '';
  const seen: number[] = [];
  do {
    const { items, nextPageToken } = await page(real.log, { itemsMax }, token);
    seen.push(...items);
    token = nextPageToken;
  } while (token !== '');
  expect(seen).toHaveLength(300);
  expect(counted.reduce((sum, { messages }) => sum + messages, 0)).toBe(300);
  expect(Math.max(...counted.map(({ messages }) => messages))).toBeLessThanOrEqual(64);
});

test('large messages are counted one by one', async () => {
  await using real = await startRealLog();
  await publishEvents(real.log, 3, { properties: JSON.stringify({ note: 'x'.repeat(70_000) }) });
  const counted = watchPace(real.log, 0);
  await page(real.log, { itemsMax: 10 });
  expect(counted.filter(({ messages }) => messages > 0)).toHaveLength(3);
  expect(Math.min(...counted.slice(0, 3).map(({ bytes }) => bytes))).toBeGreaterThan(70_000);
});

test('a reader waits as long as it is told, and its page ends in time', async () => {
  await using real = await startRealLog();
  await publishEvents(real.log, 300);
  watchPace(real.log, 60_000);
  const start = performance.now();
  const first = await page(real.log, { itemsMax: 200, durationMsMax: 300 });
  expect(performance.now() - start).toBeGreaterThan(290);
  expect(first.items).toHaveLength(64);
  const second = await page(real.log, { itemsMax: 200, durationMsMax: 300 }, first.nextPageToken);
  expect(second.items[0]).toBe(first.items.at(-1)! + 1);
});

test('reconcile counts every event that it reads, and reports that it waits', async () => {
  await using real = await startRealLog({ partitions: 3 });
  await publishEvents(real.log, 1_200);
  const counted = watchPace(real.log, 1);
  const waiting: boolean[] = [];
  const look = () =>
    reconcile({
      log: real.log,
      destinations: [],
      sinceMs: 0,
      onProgress: ({ isWaiting }) => void waiting.push(isWaiting),
    });
  const { rows } = await look();
  expect(rows.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(1_200);
  // The last slice is not full.
  const messages = counted.reduce((sum, one) => sum + one.messages, 0);
  expect([messages, waiting]).toEqual([1_200 - (1_200 % 64), [true]]);
  watchPace(real.log, 0);
  await look();
  expect(waiting).toEqual([true, false]);
});

test.each([1, 3])(
  'with %d partitions a process sees what another one stores',
  async (partitions) => {
    await using real = await startRealLog({ partitions });
    const { takenPerSecond } = clientsForTests(await real.open({ partitions }));
    await until(takenPerSecond, (taken) => taken === 0);
    const storing = new AbortController();
    const stored = (async () => {
      while (!storing.signal.aborted) await publishEvents(real.log, 50);
    })();
    const taken = await until(takenPerSecond, (rate) => rate > 0);
    expect(taken).toBeLessThan(Infinity);
    storing.abort();
    await stored;
    await until(takenPerSecond, (taken) => taken === 0);
  },
);
