import { expect, test } from 'vitest';

import { createCopyPace } from './copy-pace.ts';

/** How many batches go by INSERT before the next one may go by COPY. */
function pauseOf(pace: ReturnType<typeof createCopyPace>): number {
  let batches = 0;
  while (!pace.mayCopy()) batches += 1;
  return batches;
}

test('pauses grow while COPY fails, up to a limit, and shrink with each batch that goes well', () => {
  const pace = createCopyPace();
  expect(pauseOf(pace)).toBe(0);
  const pauses = Array.from({ length: 8 }, () => {
    pace.failed();
    return pauseOf(pace);
  });
  expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 64, 64]);
  for (let batch = 0; batch < 5; batch += 1) pace.copied();
  pace.failed();
  expect(pauseOf(pace)).toBe(4);
  for (let batch = 0; batch < 3; batch += 1) pace.copied();
  pace.failed();
  expect(pauseOf(pace)).toBe(1);
});
