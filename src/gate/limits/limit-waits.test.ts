import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { SourceLimits } from '../../config/write-key.ts';
import { createAllowances } from './allowances.ts';
import { createLimitWaits } from './limit-waits.ts';
import { createLocalLimiter } from './source-limiter.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'performance', 'Date'] }));
afterEach(() => void vi.useRealTimers());

test('a source that lets very much wait leaves room for the others', async () => {
  const { take } = createLimitWaits(createLocalLimiter(createAllowances()));
  const limits: SourceLimits = { eventsPerSecond: 100, burst: 100, bytesPerDay: undefined };
  const sent = (source: string, events: number): Promise<number> => {
    const ask = { events, bytes: 1, isWhole: true };
    return new Promise((resolve) => {
      take({ source, limits }, ask, (taken) => resolve(taken.events));
    });
  };
  expect(await Promise.all(['flood', 'shop'].map((source) => sent(source, 100)))).toEqual([
    100, 100,
  ]);
  const flood = Array.from({ length: 200 }, () => sent('flood', 50));
  const waits = sent('shop', 100);
  await vi.advanceTimersByTimeAsync(6_000);
  expect(await waits).toBe(100);
  const taken = await Promise.all(flood);
  expect(taken.filter((events) => events > 0).length).toBeGreaterThanOrEqual(9);
});
