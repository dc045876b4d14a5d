import { expect, test } from 'vitest';

import { leastPerSecond, mostPerSecond, quietPerSecond } from '../read/reading-pace.ts';
import { leastShare, pulledPerSecond } from './backlog-pace.ts';

test.each([
  ['no producers', 0, Infinity],
  ['few enough', quietPerSecond, Infinity],
  ['one more', quietPerSecond + 1, mostPerSecond - 5 * (quietPerSecond + 1)],
  ['as many as leave three times theirs', 3_750, 11_250],
  ['more', 4_000, 12_000],
  ['so many that a worker is never slower than they are', 50_000, 150_000],
  ['nothing is known yet', Infinity, Infinity],
])('%s: beside %d a second a worker pulls %d', (_what, taken, most) => {
  expect(pulledPerSecond(taken)).toBe(most);
});

test('a backlog shrinks at any rate of producers', () => {
  for (let taken = 1; taken < 200_000; taken += 97) {
    expect(pulledPerSecond(taken)).toBeGreaterThanOrEqual(leastShare * taken);
    expect(pulledPerSecond(taken)).toBeGreaterThanOrEqual(leastPerSecond);
  }
});
