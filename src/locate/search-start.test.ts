import { expect, test } from 'vitest';

import { searchFrom, timeOfUuid } from './search-start.ts';

const dayMs = 86_400_000;

test('reads the creation time of a UUID of version 7', () => {
  // RFC 9562, appendix A.6.
  expect(timeOfUuid('017F22E2-79B0-7CC3-98C4-DC0C0C07398F')).toBe(
    Date.parse('2022-02-22T19:22:22.000Z'),
  );
});

test.each([
  '1d28405d-9185-5e83-b767-44d17a84e516',
  '00000000-0000-7000-8000-000000000000',
  'c-1',
  '',
])('reads no time from %j', (id) => {
  expect(timeOfUuid(id)).toBeUndefined();
  expect(searchFrom(id, 10 * dayMs, dayMs)).toBe(9 * dayMs);
});

test('a search begins slightly before the creation time, and never in the future', () => {
  const madeMs = Date.parse('2022-02-22T19:22:22.000Z');
  const id = '017f22e2-79b0-7cc3-98c4-dc0c0c07398f';
  expect(searchFrom(id, madeMs + 1_000, dayMs)).toBe(madeMs - 250);
  expect(searchFrom(id, madeMs - 60_000, dayMs)).toBe(madeMs - 60_250);
});
