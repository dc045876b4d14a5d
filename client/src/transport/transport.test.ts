import { expect, test } from 'vitest';

import { retryAfterMs } from './transport.ts';

const nowMs = Date.parse('2026-03-01T12:00:00Z');
const hour = 3_600_000;
const later = 'Sun, 01 Mar 2026 12:00:30 GMT';

test.each([
  [{ 'retry-after': '7' }, 7_000],
  [{ 'retry-after': '999999999' }, hour],
  [{ 'retry-after': later }, 30_000],
  [{ 'retry-after': later, date: 'Sun, 01 Mar 2026 12:00:10 GMT' }, 20_000],
  [{ 'retry-after': 'Mon, 01 Mar 2027 12:00:30 GMT' }, hour],
  [{ 'retry-after': 'soon' }, 0],
  [{}, 0],
] as [Record<string, string>, number][])('%j is %d ms', (headers, waitMs) => {
  expect(retryAfterMs(new Headers(headers), nowMs)).toBe(waitMs);
});

test.each([86_400_000, -86_400_000])('a clock that is off by %d ms changes no wait', (offMs) => {
  const headers = new Headers({ 'retry-after': later, date: 'Sun, 01 Mar 2026 12:00:00 GMT' });
  expect(retryAfterMs(headers, nowMs + offMs)).toBe(30_000);
});
