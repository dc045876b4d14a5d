import { expect, test } from 'vitest';

import { createStreamAges } from './stream-ages.ts';

test('a position is old once a note of it is as old as the retention', () => {
  let nowMs = 0;
  const ages = createStreamAges(1_000, () => nowMs);
  ages.note(5);
  expect([ages.foundUpTo(), ages.oldUpTo()]).toEqual([5, 0]);
  nowMs = 600;
  ages.note(9);
  nowMs = 999;
  ages.note(12);
  expect(ages.oldUpTo()).toBe(0);
  nowMs = 1_000;
  ages.note(12);
  expect([ages.foundUpTo(), ages.oldUpTo()]).toEqual([5, 5]);
  nowMs = 1_700;
  ages.note(12);
  expect(ages.oldUpTo()).toBe(9);
});

test('without a retention, everything is old at once', () => {
  const ages = createStreamAges(0, () => 0);
  ages.note(7);
  expect(ages.oldUpTo()).toBe(7);
});
