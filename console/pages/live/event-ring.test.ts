import { expect, test } from 'vitest';

import { createEventRing } from './event-ring.ts';

test('keeps the newest events up to its size, and counts those that gave way', () => {
  const ring = createEventRing<number>(3);
  expect(ring.newest()).toEqual([]);
  for (const event of [1, 2, 3]) ring.push(event);
  expect(ring.newest()).toEqual([3, 2, 1]);
  expect(ring.dropped).toBe(0);
  ring.push(4);
  ring.push(5);
  expect(ring.newest()).toEqual([5, 4, 3]);
  expect([ring.added, ring.dropped]).toEqual([5, 2]);
});
