import { array, assert, integer, property, record } from 'fast-check';
import { expect, test } from 'vitest';

import { joinRanges, lengthOf, subtractRanges, type Range } from './ranges.ts';

const range = record({ from: integer({ min: 1, max: 60 }), size: integer({ min: 0, max: 9 }) }).map(
  ({ from, size }): Range => ({ from, to: from + size }),
);
const ranges = array(range, { maxLength: 8 });

const members = (all: readonly Range[]): number[] =>
  all.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, at) => from + at));
const distinct = (numbers: readonly number[]): number[] =>
  [...new Set(numbers)].toSorted((left, right) => left - right);

test('joined ranges hold the same sequences, once, and none touches the next', () => {
  assert(
    property(ranges, (some) => {
      const joined = joinRanges(some);
      expect(members(joined)).toEqual(distinct(members(some)));
      expect(lengthOf(joined)).toBe(distinct(members(some)).length);
      const touching = joined.filter(({ from }, at) => from <= (joined[at - 1]?.to ?? -1) + 1);
      expect(touching).toEqual([]);
    }),
  );
});

test('a difference holds what is in the first and not in the second', () => {
  assert(
    property(ranges, ranges, (some, taken) => {
      const gone = new Set(members(taken));
      expect(members(subtractRanges(some, taken))).toEqual(
        distinct(members(some)).filter((one) => !gone.has(one)),
      );
    }),
  );
});
