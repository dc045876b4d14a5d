import { expect, test } from 'vitest';

import { createRegistryContents } from './contents.ts';
import type { BucketEntry } from '../jetstream/bucket/bucket.ts';
import { eventsMax } from '../validation/taxonomy/taxonomy.ts';

let revision = 0;
function entry(key: string, value: object | string): BucketEntry {
  revision += 1;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return { key, revision, value: text, deleted: false };
}

const order = { owner: 'a', description: 'b', active: 1 };
const schema = (title: string) => ({ type: 'object', title });

test('plans an event as soon as its entry and its schemas exist, in any order', async () => {
  for (const [first, second] of [
    [entry('event.order_paid', order), entry('schema.order_paid.1', schema('1'))],
    [entry('schema.order_paid.1', schema('1')), entry('event.order_paid', order)],
  ]) {
    const contents = createRegistryContents({ canHash: false });
    await contents.apply([{ ...first!, revision: revision + 1 }]);
    expect(contents.registry().events).toEqual([]);
    await contents.apply([{ ...second!, revision: revision + 2 }]);
    expect(contents.registry().events).toMatchObject([{ name: 'order_paid', active: 1 }]);
    expect(contents.faults()).toEqual([]);
  }
});

test('an unchanged event stays the same object after a change of another', async () => {
  const contents = createRegistryContents({ canHash: false });
  await contents.apply([
    entry('schema.order_paid.1', schema('1')),
    entry('event.order_paid', order),
    entry('schema.cart_paid.1', schema('1')),
    entry('event.cart_paid', order),
  ]);
  const before = contents.registry();
  await contents.apply([]);
  expect(contents.registry()).toBe(before);
  await contents.apply([entry('schema.cart_paid.2', schema('2'))]);
  const after = contents.registry();
  expect(after).not.toBe(before);
  expect(after.events[0]).toBe(before.events[0]);
  expect(after.events[1]).not.toBe(before.events[1]);
});

test('does not apply a revision again', async () => {
  const contents = createRegistryContents({ canHash: false });
  const entries = [entry('schema.order_paid.1', schema('1')), entry('event.order_paid', order)];
  await contents.apply(entries);
  await contents.apply([entry('event.order_paid', { ...order, owner: 'c' })]);
  await contents.apply(entries);
  expect(contents.registry().events[0]?.owner).toBe('c');
});

test('a version after a gap waits for the previous version', async () => {
  const contents = createRegistryContents({ canHash: false });
  await contents.apply([
    entry('event.order_paid', order),
    entry('schema.order_paid.1', schema('1')),
    entry('schema.order_paid.3', schema('3')),
  ]);
  const versions = () => contents.registry().events[0]?.versions.map(({ version }) => version);
  expect(versions()).toEqual([1]);
  await contents.apply([entry('schema.order_paid.2', schema('2'))]);
  expect(versions()).toEqual([1, 2, 3]);
});

test('accepts events up to the limit', async () => {
  const contents = createRegistryContents({ canHash: false });
  const names = Array.from({ length: eventsMax + 1 }, (_, index) => `event${index}_paid`);
  await contents.apply(names.map((name) => entry(`event.${name}`, order)));
  expect(contents.hasRoomFor(names[0]!)).toBe(true);
  expect(contents.hasRoomFor(names[eventsMax]!)).toBe(false);
  expect(contents.faults().map(({ problem }) => problem)).toContain(
    `there are ${eventsMax} events already`,
  );
});

test.each([
  '',
  'event',
  'event.',
  'event.Order Placed',
  'event.Order=2',
  'event.=6frder',
  'schema.a',
  'schema.a.0',
  'schema.a.01',
  'schema.a.b.1',
])('the key %j is not a key of Headgate', async (key) => {
  const contents = createRegistryContents({ canHash: false });
  await contents.apply([entry(key, order)]);
  expect(contents.faults()).toMatchObject([
    { file: key, problem: 'it is not an entry of Headgate' },
  ]);
});

test('a version that hashes needs a hash key in this gate', async () => {
  const hashing = {
    type: 'object',
    properties: { email: { type: 'string', maxLength: 254, 'x-pii': 'hash' } },
  };
  const entries = [entry('schema.order_paid.1', hashing), entry('event.order_paid', order)];
  const keyless = createRegistryContents({ canHash: false });
  await keyless.apply(entries);
  expect(keyless.registry().events).toEqual([]);
  expect(keyless.faults().map(({ problem }) => problem)).toContain(
    'it says "x-pii": "hash", and this gate has no key',
  );
  const keyed = createRegistryContents({ canHash: true });
  await keyed.apply(entries);
  expect(keyed.registry().events).toHaveLength(1);
});
