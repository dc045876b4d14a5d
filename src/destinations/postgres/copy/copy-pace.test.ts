import { expect, test } from 'vitest';

import { createCopyPace } from './copy-pace.ts';

/** How many batches go by INSERT before the next one may go by COPY. */
function pauseOf(pace: ReturnType<typeof createCopyPace>): number {
  let batches = 0;
  while (!pace.mayCopy()) batches += 1;
  return batches;
}

test('pauses grow while COPY is refused, up to a limit, and begin again after it was not', () => {
  const pace = createCopyPace();
  expect(pauseOf(pace)).toBe(0);
  const pauses = Array.from({ length: 8 }, () => {
    pace.refused();
    return pauseOf(pace);
  });
  expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 64, 64]);
  pace.copied();
  pace.refused();
  expect(pauseOf(pace)).toBe(1);
});
