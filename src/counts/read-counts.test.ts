import { expect, test } from 'vitest';

import { createHourCounts, encodeHourCounts, hourMs } from './hour-counts.ts';
import { hoursKept, sumCounts, type CountRange } from './read-counts.ts';

const nowHour = 490_000;
const nowMs = nowHour * hourMs + 1_234;
const all: CountRange = { sinceMs: 0, untilMs: Infinity, eventName: '', source: '' };

function entry(hour: number, eventName: string, source: string, accepted: number, rejected = 0) {
  const counts = createHourCounts(hour);
  counts.addDelivered('crm', accepted * 2);
  counts.add(eventName, source, 'accepted', accepted);
  counts.add(eventName, source, 'rejected', rejected);
  return { text: encodeHourCounts(counts), storedAtMs: hour * hourMs + 60_000 };
}

async function* listed(...entries: { text: string; storedAtMs: number }[]) {
  yield* entries;
}

test('the entries of several processes are one sum, and every hour is there', async () => {
  const entries = listed(
    entry(nowHour, 'a', 'shop', 5),
    entry(nowHour, 'a', 'shop', 2, 1),
    entry(nowHour - 168, 'b', 'web', 9),
  );
  const { hours, pairs, destinations, updatedAtMs } = await sumCounts(entries, all, nowMs);
  expect(hours).toHaveLength(hoursKept + 1);
  expect(hours[0]!.startMs).toBe((nowHour - hoursKept) * hourMs);
  expect(hours.at(-1)).toEqual({
    startMs: nowHour * hourMs,
    delivered: 14,
    accepted: 7,
    duplicate: 0,
    rejected: 1,
    dead: 0,
  });
  expect(hours.at(-1 - 168)!.accepted).toBe(9);
  expect(pairs.map(({ eventName, accepted }) => [eventName, accepted])).toEqual([
    ['a', 7],
    ['b', 9],
  ]);
  expect(destinations).toEqual([{ destination: 'crm', delivered: 32 }]);
  expect(updatedAtMs).toBe(nowHour * hourMs + 60_000);
});

test('a range has its hours alone, and a name or a source its events', async () => {
  const entries = () =>
    listed(
      entry(nowHour - 2, 'a', 'shop', 1),
      entry(nowHour - 1, 'a', 'shop', 2),
      entry(nowHour - 1, 'a', 'web', 4),
      entry(nowHour - 1, 'b', 'web', 8),
      entry(nowHour, 'a', 'shop', 16),
    );
  const range = { sinceMs: (nowHour - 1) * hourMs, untilMs: nowHour * hourMs };
  const sum = async (more: Partial<CountRange>): Promise<number[]> => {
    const { hours } = await sumCounts(entries(), { ...all, ...range, ...more }, nowMs);
    return hours.map(({ accepted }) => accepted);
  };
  expect(await sum({})).toEqual([14]);
  expect(await sum({ eventName: 'a' })).toEqual([6]);
  expect(await sum({ source: 'web' })).toEqual([12]);
  expect(await sum({ eventName: 'a', source: 'web' })).toEqual([4]);
  expect(await sum({ untilMs: Infinity })).toEqual([14, 16]);
});

test('hours without counts, and entries that cannot be read, are nothing', async () => {
  const { hours, pairs } = await sumCounts(
    listed({ text: 'x', storedAtMs: 1 }, entry(nowHour + 5, 'a', 'shop', 1)),
    { ...all, sinceMs: (nowHour + 10) * hourMs },
    nowMs,
  );
  expect([hours, pairs]).toEqual([[], []]);
  expect((await sumCounts(listed(), all, nowMs)).updatedAtMs).toBeUndefined();
});
