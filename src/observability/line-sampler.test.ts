import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { createLineSampler } from './line-sampler.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

function sampler(linesPerSecondMax = 3) {
  const told: [string, number][] = [];
  const { admit } = createLineSampler({
    linesPerSecondMax,
    onLeftOut: (kind, leftOut) => told.push([kind, leftOut]),
  });
  const admitted = (kind: string, lines: number): number =>
    Array.from({ length: lines }, () => admit(kind)).filter(Boolean).length;
  return { told, admitted };
}

test('a flood writes a few lines per second, and the number of lines left out', () => {
  const { told, admitted } = sampler();
  expect(admitted('unauthenticated', 1_000)).toBe(3);
  expect(told).toEqual([]);
  vi.advanceTimersByTime(1_000);
  expect(told).toEqual([['unauthenticated', 997]]);
  expect(admitted('unauthenticated', 2)).toBe(2);
  vi.advanceTimersByTime(5_000);
  expect(told).toHaveLength(1);
});

test('the limit of one kind does not affect another', () => {
  const { admitted } = sampler();
  expect([admitted('a', 9), admitted('b', 2)]).toEqual([3, 2]);
});

test('memory and lines stay bounded for any number of kinds', () => {
  const { admitted } = sampler();
  for (let kind = 0; kind < 1_000; kind += 1) admitted(`kind ${kind}`, 1);
  let more = 0;
  for (let kind = 0; kind < 1_000; kind += 1) more += admitted(`more ${kind}`, 1);
  expect(more).toBe(3);
});
