import { expect, test } from 'vitest';

import { bucketOf, hasRoomToBegin } from './audit-log.ts';

const mebibyte = 1024 * 1024;

test.each([
  // 5 % stay for outcomes, at most 1 MiB.
  [10 * mebibyte, 10 * mebibyte - mebibyte / 2],
  [256 * mebibyte, 255 * mebibyte],
])('of %i bytes, something begins up to %i, and not beyond', (bytesMax, limit) => {
  expect(hasRoomToBegin({ bytes: 0, bytesMax })).toBe(true);
  expect(hasRoomToBegin({ bytes: limit, bytesMax })).toBe(true);
  expect(hasRoomToBegin({ bytes: limit + 1, bytesMax })).toBe(false);
});

test.each([
  ['viewer', 85],
  ['operator', 90],
  ['admin', 99],
])(
  'a %s begins something up to %i %%: who reads much leaves room for those who act',
  (role, percent) => {
    const bytesMax = 100 * mebibyte;
    const limit = percent * mebibyte;
    expect(hasRoomToBegin({ bytes: limit, bytesMax }, role)).toBe(true);
    expect(hasRoomToBegin({ bytes: limit + 1, bytesMax }, role)).toBe(false);
  },
);

test('the bucket of an act is the beginning of its id', () => {
  expect(bucketOf('1d28405d-9185-4e83-b767-44d17a84e516')).toBe('1d2');
});
