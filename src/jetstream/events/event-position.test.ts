import { assert, integer, property } from 'fast-check';
import { expect, test } from 'vitest';

import { eventPosition, partitionOf, partitionsMax, sequenceIn } from './event-position.ts';

const partition = integer({ min: 0, max: partitionsMax - 1 });
const sequence = integer({ min: 0, max: 2 ** 45 - 1 });

test('a position names its partition and its sequence', () => {
  assert(
    property(partition, sequence, (one, number) => {
      const position = eventPosition(one, number);
      expect(Number.isSafeInteger(position)).toBe(true);
      expect([partitionOf(position), sequenceIn(position)]).toEqual([one, number]);
    }),
  );
});

test('positions of partition 0 are its sequences, and those of later partitions are higher', () => {
  expect(eventPosition(0, 4711)).toBe(4711);
  expect(eventPosition(1, 1)).toBeGreaterThan(eventPosition(0, 2 ** 45 - 1));
});
