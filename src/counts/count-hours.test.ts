import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { Log } from '../jetstream/log.ts';
import { countHours, type EventTotal } from './count-hours.ts';
import { decodeHourCounts, hourMs } from './hour-counts.ts';

beforeEach(() => void vi.useFakeTimers({ now: 490_000 * hourMs + hourMs - 90_000 }));
afterEach(() => void vi.useRealTimers());

/** What a log keeps: the newest entry of each subject. */
function memory() {
  const kept = new Map<string, string>();
  const log = {
    away: false,
    store: async (_stream: string, subject: string, _headers: object, text: string) => {
      if (log.away) throw new Error('away');
      kept.set(subject, text);
    },
  };
  const accepted = (): Record<number, number> => {
    const sums: Record<number, number> = {};
    for (const text of kept.values()) {
      const { hour, pairs } = decodeHourCounts(text)!;
      for (const pair of pairs) sums[hour] = (sums[hour] ?? 0) + pair.accepted;
    }
    return sums;
  };
  const delivered = (): Record<number, number> => {
    const sums: Record<number, number> = {};
    for (const text of kept.values()) {
      const { hour, destinations } = decodeHourCounts(text)!;
      for (const one of destinations) sums[hour] = (sums[hour] ?? 0) + one.delivered;
    }
    return sums;
  };
  return { log, kept, accepted, delivered };
}

function counting(log: object) {
  const total = { value: 0 };
  const totals = (): EventTotal[] => [
    { eventName: 'a', source: 'shop', outcome: 'accepted', total: total.value },
  ];
  const troubles: unknown[] = [];
  const counts = countHours({
    log: log as Log,
    totals,
    deliveredTotals: () => [{ destination: 'crm', total: total.value * 2 }],
    onTrouble: (error) => troubles.push(error),
  });
  counts.start();
  return { total, counts, troubles };
}

test('once a minute, and at the end of an hour, what came is added to its hour', async () => {
  const { log, kept, accepted, delivered } = memory();
  const { total, counts } = counting(log);
  total.value = 5;
  await vi.advanceTimersByTimeAsync(59_999);
  expect(accepted()).toEqual({});
  await vi.advanceTimersByTimeAsync(1);
  expect(accepted()).toEqual({ 490000: 5 });
  // The last half minute of the hour is of the hour.
  total.value = 7;
  await vi.advanceTimersByTimeAsync(30_000);
  expect(accepted()).toEqual({ 490000: 7 });
  total.value = 8;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(accepted()).toEqual({ 490000: 7, 490001: 1 });
  expect(kept.size).toBe(2);
  total.value = 10;
  await counts.stop();
  expect(accepted()).toEqual({ 490000: 7, 490001: 3 });
  expect(delivered()).toEqual({ 490000: 14, 490001: 6 });
});

test('an hour in which nothing came is not written', async () => {
  const { log, kept } = memory();
  const { counts } = counting(log);
  await vi.advanceTimersByTimeAsync(5 * hourMs);
  await counts.stop();
  expect(kept.size).toBe(0);
});

test('what the log does not take is added later, to its own hour', async () => {
  const { log, accepted } = memory();
  const { total, counts, troubles } = counting(log);
  log.away = true;
  total.value = 5;
  await vi.advanceTimersByTimeAsync(2 * hourMs);
  expect(troubles.length).toBeGreaterThan(0);
  total.value = 6;
  log.away = false;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(accepted()).toEqual({ 490000: 5, 490002: 1 });
  await counts.stop();
});

test('a second start of a process overwrites nothing', async () => {
  const { log, accepted } = memory();
  for (const value of [5, 7]) {
    const { total, counts } = counting(log);
    total.value = value;
    await counts.stop();
  }
  expect(accepted()).toEqual({ 490000: 12 });
});
