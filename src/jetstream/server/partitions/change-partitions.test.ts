import { expect, test } from 'vitest';

import { partitionsMax } from '../../events/event-position.ts';
import { layoutDefault, type PartitionLayout } from '../../events/layout.ts';
import { nextLayout } from './change-partitions.ts';

test('every change has partitions of its own', () => {
  const four = nextLayout(layoutDefault, 4)!;
  expect(four).toEqual({ generation: 1, open: [1, 2, 3, 4], closed: [[0]], isReady: false });
  const two = nextLayout({ ...four, isReady: true }, 2)!;
  expect(two).toEqual({ generation: 2, open: [5, 6], closed: [[1, 2, 3, 4], [0]], isReady: false });
});

test('numbers begin again with 0, and those that still hold events are left out', () => {
  const layout: PartitionLayout = {
    generation: 70,
    open: [partitionsMax - 2, partitionsMax - 1],
    closed: [[0, 2]],
    isReady: true,
  };
  expect(nextLayout(layout, 3)!.open).toEqual([1, 3, 4]);
});

test('there are no more than 256 at a time', () => {
  const closed = [Array.from({ length: partitionsMax - 4 }, (_one, number) => number + 1)];
  const layout: PartitionLayout = { generation: 9, open: [0], closed, isReady: true };
  expect(nextLayout(layout, 3)!.open).toHaveLength(3);
  expect(nextLayout(layout, 4)).toBeUndefined();
});
