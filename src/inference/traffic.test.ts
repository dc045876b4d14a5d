import { expect, test } from 'vitest';

import { createTraffic } from './traffic.ts';

const properties = {};

test('names are counted up to the most that a taxonomy has, and so are those that it cannot have', () => {
  const traffic = createTraffic((sent) => (sent.startsWith('!') ? undefined : sent), [], 2);
  const add = (name: string): void => traffic.add({ name, properties, source: '' }, 'file');
  for (const name of ['b', 'a', 'a', 'c', 'c', 'a']) add(name);
  expect(traffic.events().map(({ name }) => name)).toEqual(['a', 'b']);
  expect([traffic.beyond, traffic.unnamed.size, traffic.otherUnnamed]).toEqual([2, 0, 0]);

  for (let index = 0; index < 200; index += 1) add(`!${index}`);
  expect([traffic.unnamed.size, traffic.otherUnnamed]).toEqual([200, 0]);
  for (const name of ['!0', '!200', '!201']) add(name);
  expect([traffic.unnamed.get('!0'), traffic.unnamed.size]).toEqual([2, 200]);
  expect([traffic.otherUnnamed, traffic.added]).toEqual([2, 209]);
});
