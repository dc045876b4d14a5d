import { afterEach, expect, test, vi } from 'vitest';

import { createDueTimes, type DueCopy } from './due-times.ts';

const day = 86_400_000;
const delayMs = 10_000;

afterEach(() => void vi.useRealTimers());

/** Both clocks stand still, and move only as a test says. */
function freeze() {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
  return {
    pass: (ms: number) => vi.advanceTimersByTime(ms),
    step: (ms: number) => vi.setSystemTime(Date.now() + ms),
  };
}

const copy = (copySequence: number, copyDeliveries = 1): DueCopy => ({
  dueMs: Date.now() + delayMs,
  delayMs,
  copySequence,
  copyDeliveries,
});

test.each([day, -day, 3_000, -3_000])('a step of %d ms changes no wait', (ms) => {
  const clock = freeze();
  const times = createDueTimes(10);
  const one = copy(1);
  expect(times.waitMs(one)).toBe(delayMs);
  clock.pass(4_000);
  clock.step(ms);
  expect(times.waitMs({ ...one, copyDeliveries: 2 })).toBe(6_000);
  clock.step(-ms);
  clock.pass(6_000);
  expect(times.waitMs({ ...one, copyDeliveries: 3 })).toBeLessThanOrEqual(0);
});

test('a copy of a wrong clock waits for its own delay, and then no longer', () => {
  const clock = freeze();
  clock.step(day);
  const wrong = copy(1);
  clock.step(-day);
  const times = createDueTimes(10);
  expect(times.waitMs(wrong)).toBe(delayMs);
  clock.pass(delayMs);
  expect(times.waitMs({ ...wrong, copyDeliveries: 2 })).toBeLessThanOrEqual(0);
  // Another worker that sees it now does not let it wait again.
  expect(createDueTimes(10).waitMs({ ...wrong, copyDeliveries: 2 })).toBe(0);
});

test('a copy that was stored before this process started is due by the wall clock', () => {
  const clock = freeze();
  const one = copy(1, 2);
  clock.pass(7_000);
  expect(createDueTimes(10).waitMs(one)).toBe(3_000);
  clock.pass(7_000);
  expect(createDueTimes(10).waitMs(one)).toBeLessThanOrEqual(0);
});

test('remembers a bounded number of copies, and forgets the oldest', () => {
  const clock = freeze();
  const times = createDueTimes(2);
  const copies = [1, 2, 3].map((sequence) => copy(sequence));
  for (const one of copies) times.waitMs(one);
  clock.step(day);
  // The first is forgotten, so the wall clock is asked again.
  expect(copies.map((one) => times.waitMs(one) > 0)).toEqual([false, true, true]);
});
