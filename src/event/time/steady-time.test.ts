import { afterEach, describe, expect, test, vi } from 'vitest';

import { ageMs, steadyTimeMs } from './steady-time.ts';

const day = 86_400_000;
const minute = 60_000;

const step = (ms: number): void => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms });
};
afterEach(() => void vi.useRealTimers());

test.each([day, -day])('no step of the wall clock moves it: %d ms', (ms) => {
  const before = steadyTimeMs();
  step(ms);
  expect(steadyTimeMs() - before).toBeLessThan(minute);
});

describe('an age', () => {
  test.each([day, -day])('is not larger after a step of %d ms', (ms) => {
    const time = Date.now() - minute;
    step(ms);
    expect(ageMs(time)).toBeGreaterThan(minute - 5_000);
    expect(ageMs(time)).toBeLessThan(minute + 5_000);
  });

  test.each([day, -day])('of a time that was taken after a step of %d ms is not larger', (ms) => {
    step(ms);
    expect(ageMs(Date.now() - minute)).toBeLessThan(minute + 5_000);
  });

  test('is 0 for a time that lies ahead', () => {
    expect(ageMs(Date.now() + day)).toBe(0);
  });
});
