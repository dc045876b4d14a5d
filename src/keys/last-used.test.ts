import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { createLastUsed } from './last-used.ts';

const now = Date.parse('2027-06-30T12:00:30Z');
beforeEach(() => vi.useFakeTimers({ now }));
afterEach(() => vi.useRealTimers());

const idOf = (number: number): string => number.toString(16).padStart(12, '0');

/** A bucket whose entries are known at once, as followed ones are soon. */
function rig() {
  const known = new Map<string, number>();
  const written: string[] = [];
  const troubles: unknown[] = [];
  let used: string[] = [];
  let fails = false;
  const lastUsed = createLastUsed({
    bucket: {
      write: async (key, value) => {
        if (fails) throw new Error('NATS is away');
        written.push(`${key} ${value}`);
        known.set(key.slice('used.'.length), Date.parse(value));
      },
    },
    contents: { lastUsedAtMs: (id) => known.get(id) },
    takeUsed: () => used.splice(0),
    onTrouble: (error) => troubles.push(error),
  });
  return {
    lastUsed,
    written,
    troubles,
    use: (...ids: string[]) => void (used = [...used, ...ids]),
    fail: (does: boolean) => void (fails = does),
  };
}

test('a key that is used all the time is written once a minute', async () => {
  const { lastUsed, written, use } = rig();
  lastUsed.start();
  for (let second = 0; second < 120; second += 5) {
    use(idOf(1));
    await vi.advanceTimersByTimeAsync(5_000);
  }
  expect(written).toEqual([
    `used.${idOf(1)} 2027-06-30T12:00:00.000Z`,
    `used.${idOf(1)} 2027-06-30T12:01:00.000Z`,
    `used.${idOf(1)} 2027-06-30T12:02:00.000Z`,
  ]);
});

test('writes at most 50 in ten seconds, and none is forgotten', async () => {
  const { lastUsed, written, use } = rig();
  use(...Array.from({ length: 101 }, (_, number) => idOf(number)));
  lastUsed.start();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(written).toHaveLength(50);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(written).toHaveLength(100);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(new Set(written.map((entry) => entry.split(' ')[0])).size).toBe(101);
});

test('what could not be written is written later, and at the stop', async () => {
  const { lastUsed, written, troubles, use, fail } = rig();
  lastUsed.start();
  fail(true);
  use(idOf(1));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(troubles).toHaveLength(1);
  fail(false);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(written).toHaveLength(1);
  use(idOf(2));
  await lastUsed.stop();
  expect(written).toHaveLength(2);
});

test('a use is known at once, before it is written', () => {
  const { lastUsed, use } = rig();
  expect(lastUsed.lastUsedAtMs(idOf(1))).toBeUndefined();
  use(idOf(1));
  lastUsed.collect();
  expect(lastUsed.lastUsedAtMs(idOf(1))).toBe(Date.parse('2027-06-30T12:00:00Z'));
});
