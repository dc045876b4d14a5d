import { expect, test } from 'vitest';

import { createHourCounts, decodeHourCounts, encodeHourCounts, pairsMax } from './hour-counts.ts';

test('an entry is read as it was written', () => {
  const counts = createHourCounts(490_000);
  counts.add('order_completed', 'shop', 'accepted', 3);
  counts.add('order_completed', 'shop', 'rejected', 1);
  counts.add('Заказ "1"', 'web', 'dead', 2);
  counts.add('order_completed', 'shop', 'accepted', 4);
  counts.add('never', 'shop', 'accepted', 0);
  expect(decodeHourCounts(encodeHourCounts(counts))).toEqual({
    hour: 490_000,
    pairs: [
      {
        eventName: 'order_completed',
        source: 'shop',
        accepted: 7,
        duplicate: 0,
        rejected: 1,
        dead: 0,
      },
      { eventName: 'Заказ "1"', source: 'web', accepted: 0, duplicate: 0, rejected: 0, dead: 2 },
    ],
  });
});

test('pairs beyond the limit are counted as _other, and none is lost', () => {
  const counts = createHourCounts(1);
  for (let pair = 0; pair < pairsMax + 100; pair += 1) {
    counts.add(`name_${pair}`, 'shop', 'accepted', 1);
  }
  const pairs = [...counts.pairs()];
  expect(pairs).toHaveLength(pairsMax);
  expect(pairs.at(-1)).toMatchObject({ eventName: '_other', source: '_other', accepted: 101 });
  expect(pairs.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(pairsMax + 100);
});

test.each([
  '',
  '{',
  'null',
  '[]',
  '{"hour":1}',
  '{"hour":-1,"rows":[]}',
  '{"hour":1,"rows":[["a","b",1,2,3]]}',
  '{"hour":1,"rows":[["a","b",1,2,3,-1]]}',
  '{"hour":1,"rows":[["a","b",1,2,3,1e300]]}',
  '{"hour":1,"rows":[[1,"b",1,2,3,4]]}',
])('%j is no entry', (text) => {
  expect(decodeHourCounts(text)).toBeUndefined();
});
