import { expect, test } from 'vitest';

import { partitionIndex } from './partition-hash.ts';

const placeOf = (id: string, count: number): number => partitionIndex(id, 0, id.length, count);

test('an id has the same place in every version', () => {
  const ids = ['', 'a', 'shop:1', 'shop:0193a3c4-5b1e-7c2a-9f00-3d2c1b0a9e8f', 'web:münchen'];
  expect(ids.map((id) => placeOf(id, 1_000))).toMatchInlineSnapshot(`
    [
      923,
      715,
      209,
      353,
      596,
    ]
  `);
});

test('only the part of the text between the bounds counts', () => {
  const text = 'before:shop:1\r\nafter';
  expect(partitionIndex(text, 7, 13, 1_000)).toBe(placeOf('shop:1', 1_000));
});

test.each([2, 3, 4, 8, 32])(
  'keys fill %s partitions evenly, also those that are counted up',
  (count) => {
    const keys = {
      counted: (number: number) => `shop:order-${number}`,
      tens: (number: number) => `shop:order-${number * 10}`,
      hex: (number: number) => `shop:${(number * 256).toString(16).padStart(32, '0')}`,
    };
    for (const keyOf of Object.values(keys)) {
      const counts = Array.from({ length: count }, () => 0);
      for (let number = 0; number < 32_000; number += 1)
        counts[placeOf(keyOf(number), count)]! += 1;
      const share = 32_000 / count;
      // Six standard deviations of an even choice.
      const most = 6 * Math.sqrt(share);
      for (const found of counts) expect(Math.abs(found - share)).toBeLessThan(most);
    }
  },
);
