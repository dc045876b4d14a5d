import { expect, test } from 'vitest';

import { timeOfFilter } from './time-filter.ts';

test('spans and times are read', () => {
  expect(timeOfFilter('')).toBeUndefined();
  expect(Date.now() - timeOfFilter('90m')! - 5_400_000).toBeLessThan(1_000);
  expect(timeOfFilter('0m')).toBeGreaterThan(0);
  expect(timeOfFilter('2026-03-01T14:05:00Z')).toBe(Date.UTC(2026, 2, 1, 14, 5));
  expect(timeOfFilter('2026-03-01T14:05:00.5+01:00')).toBe(Date.UTC(2026, 2, 1, 13, 5, 0, 500));
  expect(timeOfFilter('2026-03-01')).toBe(Date.UTC(2026, 2, 1));
});

test.each([
  '5',
  '-1h',
  '1y',
  'h',
  '1.5h',
  '100000d',
  '24 h',
  'yesterday',
  'constructor',
  '__proto__',
  '2026-13-01',
  '2026-03-01T99:00:00Z',
  '+275760-09-13',
  '1 Mar 2026',
  ' ',
])('%s is no time, and not left out', (text) => {
  expect(() => timeOfFilter(text)).toThrow('is not a time');
});
