import { expect, test } from 'vitest';

import { keyOf, readKey, type ArchiveObject } from './object-key.ts';

const object: ArchiveObject = {
  day: '2026-03-01',
  eventName: 'order_completed',
  file: '000000000001-000000000009.5f3a9c1e-7',
  events: 9,
  format: 'ndjson',
};

test('a key has the day, the name and the count in a form that readers know', () => {
  expect(keyOf('events/', object)).toBe(
    'events/event_date=2026-03-01/event=order_completed/000000000001-000000000009.5f3a9c1e-7.9.ndjson.zst',
  );
});

test.each([
  ['order_completed', 'order_completed'],
  ['Order Completed', 'Order%20Completed'],
  ['a/../b', 'a%2F..%2Fb'],
  ['..', '..'],
  ["é!'()*~=&?#%", '%C3%A9%21%27%28%29%2A%7E%3D%26%3F%23%25'],
  ['漢', '%E6%BC%A2'],
])('the name %s is %s in a key, and is read again', (eventName, part) => {
  const one = { ...object, eventName, format: 'parquet' } as const;
  const key = keyOf('', one);
  expect(key.split('/')[1]).toBe(`event=${part}`);
  expect(readKey('', key)).toEqual(one);
});

test('a key never has more bytes than stores take, however long name and prefix are', () => {
  const key = keyOf('p'.repeat(256), { ...object, eventName: '\u{10FFFF}'.repeat(32) });
  expect(Buffer.byteLength(key)).toBeLessThan(1_024);
});

test.each([
  'other/event_date=2026-03-01/event=a/000000000001-000000000009.5f3a9c1e-7.9.ndjson.zst',
  'events/_manifest/event_date=2026-03-01/000000000001-000000000009.5f3a9c1e-7.json',
  'events/event_date=2026-03-01/event=a/part-1.parquet',
  'events/event_date=2026-03-01/event=%ZZ/000000000001-000000000009.5f3a9c1e-7.9.ndjson.zst',
  'events/event_date=../event=a/000000000001-000000000009.5f3a9c1e-7.9.ndjson.zst',
])('%s is an object of another program', (key) => {
  expect(readKey('events/', key)).toBeUndefined();
});
