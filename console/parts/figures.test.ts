import { expect, test } from 'vitest';

import { shareOf } from './figures.ts';

test.each([
  // Before its first event a walk has reached the position before it.
  [31n, 60n, 30n, 0],
  [31n, 60n, 0n, 0],
  [31n, 60n, 31n, 3],
  [31n, 60n, 45n, 50],
  [31n, 60n, 60n, 100],
  [31n, 60n, 99n, 100],
  [1n, 1n, 0n, 0],
  [1n, 1n, 1n, 100],
  // No event is selected.
  [31n, 30n, 30n, 100],
])('of %i to %i, at %i, is read: %i %%', (from, upTo, reached, share) => {
  expect(shareOf({ from, upTo, reached } as Parameters<typeof shareOf>[0])).toBe(share);
});
