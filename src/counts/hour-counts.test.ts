import { expect, test } from 'vitest';

import {
  createHourCounts,
  decodeHourCounts,
  encodeHourCounts,
  pairsMax,
  destinationsMax,
} from './hour-counts.ts';

test('an entry is read as it was written', () => {
  const counts = createHourCounts(490_000);
  counts.add('order_completed', 'shop', 'accepted', 3);
  counts.add('order_completed', 'shop', 'rejected', 1);
  counts.add('Заказ "1"', 'web', 'dead', 2);
  counts.add('order_completed', 'shop', 'accepted', 4);
  counts.add('never', 'shop', 'accepted', 0);
  counts.addDelivered('crm', 2);
  counts.addDelivered('warehouse', 3);
  counts.addDelivered('crm', 4);
  counts.addDelivered('idle', 0);
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
    destinations: [
      { destination: 'crm', delivered: 6 },
      { destination: 'warehouse', delivered: 3 },
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

test('destinations beyond the limit are counted as _other, and none is lost', () => {
  const counts = createHourCounts(1);
  for (let each = 0; each < destinationsMax + 100; each += 1) counts.addDelivered(`to_${each}`, 1);
  const destinations = [...counts.destinations()];
  expect(destinations).toHaveLength(destinationsMax);
  expect(destinations.at(-1)).toEqual({ destination: '_other', delivered: 101 });
});

test('an entry of a version that did not count deliveries is read', () => {
  const text = '{"hour":1,"rows":[["a","b",1,2,3,4]]}';
  expect(decodeHourCounts(text)).toMatchObject({ pairs: [{ accepted: 1 }], destinations: [] });
});

test.each([
  '{"hour":1,"rows":[],"delivered":{}}',
  '{"hour":1,"rows":[],"delivered":[["crm"]]}',
  '{"hour":1,"rows":[],"delivered":[["crm",-1]]}',
  '{"hour":1,"rows":[],"delivered":[[1,1]]}',
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
