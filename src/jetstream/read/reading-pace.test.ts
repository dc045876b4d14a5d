import { expect, test } from 'vitest';

import {
  createReadingPace,
  leastPerSecond,
  mostPerSecond,
  quietPerSecond,
} from './reading-pace.ts';

function pace() {
  let nowMs = 1_000;
  let taken = 4_000;
  const waits: number[] = [];
  const pacing = createReadingPace(
    () => taken,
    () => nowMs,
  );
  return {
    count: (messages: number, bytes: number): void => {
      const ms = pacing.count(messages, bytes);
      if (ms > 0) waits.push(Math.round(ms));
    },
    isKept: pacing.isKept,
    waits,
    pass: (ms: number) => void (nowMs += ms),
    take: (perSecond: number) => void (taken = perSecond),
  };
}

test('beside producers a second of messages takes a second, however many readers share it', () => {
  const { count, waits, pass } = pace();
  count(leastPerSecond / 2, 0);
  count(leastPerSecond / 2, 0);
  expect(waits).toEqual([500, 1_000]);
  pass(1_000);
  count(leastPerSecond / 10, 0);
  expect(waits.at(-1)).toBe(100);
});

test('fewer producers leave more, and many not less than the least', () => {
  const { count, waits, pass, take } = pace();
  for (const taken of [quietPerSecond + 1, 2_000, 4_000, 100_000, Infinity]) {
    take(taken);
    count(1_000, 0);
    pass(10_000);
  }
  expect(waits).toEqual([
    Math.round(1e6 / (mostPerSecond - 5 * (quietPerSecond + 1))),
    Math.round(1e6 / (mostPerSecond - 10_000)),
    Math.round(1e6 / leastPerSecond),
    Math.round(1e6 / leastPerSecond),
    Math.round(1e6 / leastPerSecond),
  ]);
});

test('large messages count by their bytes', () => {
  const { count, waits } = pace();
  count(1, leastPerSecond * 1_024);
  expect(waits).toEqual([1_000]);
});

test('a time without readers is not saved up', () => {
  const { count, waits, pass } = pace();
  pass(60_000);
  count(leastPerSecond, 0);
  expect(waits).toEqual([1_000]);
});

test('without producers nothing waits', () => {
  const { count, waits, take, isKept } = pace();
  take(quietPerSecond);
  count(leastPerSecond, 0);
  expect(waits).toEqual([]);
  expect(isKept()).toBe(false);
  take(quietPerSecond + 1);
  expect(isKept()).toBe(true);
  count(1_000, 0);
  expect(waits).toHaveLength(1);
});
