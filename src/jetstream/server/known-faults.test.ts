import { expect, test } from 'vitest';

import { knownFaultsOf } from './known-faults.ts';

const replicated = { replicated: true };
const numbersOf = (version: string, setUp = replicated): string[] =>
  knownFaultsOf(version, setUp).map(({ link, fixedIn }) => `${link.split('/').at(-1)} ${fixedIn}`);

test('names the faults of a version, with the release that fixes each', () => {
  const all = ['8265 2.14.3', '8370 2.14.4', 'v2.14.6 2.14.6'];
  expect(numbersOf('2.14.0')).toEqual(all);
  expect(numbersOf('2.11.0')).toEqual(all);
  expect(numbersOf('2.14.3')).toEqual(all.slice(1));
  expect(numbersOf('2.14.5')).toEqual(all.slice(2));
});

test('a fix in an older line counts for that line', () => {
  expect(numbersOf('2.12.8')[0]).toBe('8265 2.12.12');
  expect(numbersOf('2.12.12')).toEqual(['8370 2.14.4', 'v2.14.6 2.14.6']);
});

test('names none for a fixed version, or a set-up that they do not concern', () => {
  expect(numbersOf('2.14.6')).toEqual([]);
  expect(numbersOf('2.15.1')).toEqual([]);
  expect(numbersOf('2.14.0', { replicated: false })).toEqual([]);
});
