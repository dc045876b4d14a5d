import { expect, test } from 'vitest';

import { eventPosition } from './event-position.ts';
import {
  allRead,
  compileRanges,
  createReadPositions,
  progressOf,
  rangesAround,
} from './event-ranges.ts';

const at = eventPosition;
const ranges = [
  { from: at(0, 5), to: at(0, 9) },
  { from: at(2, 1), to: at(2, 100) },
];

test('a range holds only positions of its partition', () => {
  const isIn = compileRanges(ranges);
  const asked = [
    at(0, 4),
    at(0, 5),
    at(0, 9),
    at(0, 10),
    at(1, 7),
    at(2, 1),
    at(2, 101),
    at(3, 50),
  ];
  expect(asked.map(isIn)).toEqual([false, true, true, false, false, true, false, false]);
});

test('what was read of one partition leaves the others', () => {
  const read = createReadPositions();
  expect(read.restOf(ranges)).toEqual(ranges);
  read.pass(at(2, 40));
  expect(read.restOf(ranges)).toEqual([ranges[0], { from: at(2, 41), to: at(2, 100) }]);
  read.pass(at(0, 9));
  read.pass(at(2, 100));
  expect(read.restOf(ranges)).toEqual(allRead(ranges));
  expect(read.restOf(ranges).every(({ from, to }) => from > to)).toBe(true);
  const later = [
    { from: at(0, 7), to: at(0, 12) },
    { from: at(2, 200), to: at(2, 300) },
    { from: at(3, 1), to: at(3, 2) },
  ];
  expect(read.restOf(later)).toEqual([{ from: at(0, 10), to: at(0, 12) }, later[1], later[2]]);
});

test('the progress of one range is its positions, and that of several counts their events', () => {
  const [one] = ranges;
  expect(progressOf([one!], [one!])).toEqual({ from: 5, upTo: 9, reached: 4 });
  expect(progressOf([one!], [{ from: 8, to: 9 }])).toEqual({ from: 5, upTo: 9, reached: 7 });
  expect(progressOf(ranges, ranges)).toEqual({ from: 5, upTo: 109, reached: 4 });
  const rest = [
    { from: at(0, 8), to: at(0, 9) },
    { from: at(2, 11), to: at(2, 100) },
  ];
  expect(progressOf(ranges, rest)).toEqual({ from: 5, upTo: 109, reached: 17 });
  expect(progressOf(ranges, allRead(ranges))).toEqual({ from: 5, upTo: 109, reached: 109 });
});

test('ranges around positions are by partition', () => {
  expect(rangesAround([at(2, 7), at(0, 9), at(2, 3), at(0, 9)])).toEqual([
    { from: at(0, 9), to: at(0, 9) },
    { from: at(2, 3), to: at(2, 7) },
  ]);
  expect(rangesAround([])).toEqual([]);
});
