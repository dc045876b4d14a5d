import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { canonicalName, eventNameBytesMax, nameProblem } from './event-name.ts';
import { fileNameOfName, nameOfToken, tokenOfName } from './name-token.ts';

const someName = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  .map(canonicalName)
  .filter((name) => nameProblem(name) === undefined);
const similarNames = fc
  .string({ unit: fc.constantFrom('a', 'A', '=', '2', '0', ' ', '+', '-', '_', '.'), minLength: 1 })
  .filter((name) => nameProblem(name) === undefined);
const anyName = fc.oneof(someName, similarNames);

test.each([
  ['order_completed', 'order_completed', 'order_completed'],
  ['Login', 'Login', '+login'],
  ['Order Completed', 'Order=20Completed', '+order=20+completed'],
  ['order=20completed', 'order=3d20completed', 'order=3d20completed'],
  ['a.b', 'a=2eb', 'a=2eb'],
  ['*', '=2a', '=2a'],
  ['>', '=3e', '=3e'],
  ['../etc', '=2e=2e=2fetc', '=2e=2e=2fetc'],
  ['Größe', 'Gr=c3=b6=c3=9fe', '+gr=c3=b6=c3=9fe'],
  ['\ufeffa', '=ef=bb=bfa', '=ef=bb=bfa'],
  ['a\ufeffb', 'a=ef=bb=bfb', 'a=ef=bb=bfb'],
])('%s is the token %s and the file %s', (name, token, file) => {
  expect([tokenOfName(name), fileNameOfName(name)]).toEqual([token, file]);
  expect(nameOfToken(token)).toBe(name);
});

test('a token holds nothing that NATS reads, and is read back as the name', () => {
  fc.assert(
    fc.property(anyName, (name) => {
      expect(tokenOfName(name)).toMatch(/^[A-Za-z0-9_=-]+$/);
      expect(nameOfToken(tokenOfName(name))).toBe(name);
    }),
  );
});

test('two names never share a file, however the file system compares capitals', () => {
  fc.assert(
    fc.property(anyName, anyName, (one, other) => {
      const [file, otherFile] = [fileNameOfName(one), fileNameOfName(other)];
      expect(file).toBe(file.toLowerCase());
      expect(file.length).toBeLessThanOrEqual(200);
      expect(file === otherFile).toBe(one === other);
    }),
  );
});

test('the longest names fit into a file name, and stay apart', () => {
  const long = 'ß'.repeat(eventNameBytesMax / 2);
  const other = `${long.slice(1)}x`;
  expect(fileNameOfName(long).length).toBeLessThanOrEqual(200);
  expect(fileNameOfName(other)).not.toBe(fileNameOfName(long));
});

test('a name has 128 bytes at most, and no control characters', () => {
  expect(nameProblem('x'.repeat(128))).toBeUndefined();
  expect(nameProblem('x'.repeat(129))).toContain('128 bytes');
  expect(nameProblem('ß'.repeat(64))).toBeUndefined();
  expect(nameProblem('ß'.repeat(64) + 'x')).toContain('128 bytes');
  for (const bad of ['a\nb', 'a\u0000', 'a\u007f', 'a\u2028', 'a\u202eb', 'a\ud800']) {
    expect(nameProblem(bad)).toContain('control character');
  }
  for (const missing of ['', ' ', '\t', '\u00a0'])
    expect(nameProblem(missing)).toContain('missing');
  expect(nameProblem('👩‍👩‍👧 Joined')).toBeUndefined();
});

test('an é of two code points is the é of one', () => {
  expect(canonicalName('Cafe\u0301')).toBe('Caf\u00e9');
  expect(canonicalName('order_completed')).toBe('order_completed');
});
