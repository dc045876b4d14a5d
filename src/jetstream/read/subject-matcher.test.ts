import { expect, test } from 'vitest';

import { createSubjectMatcher } from './subject-matcher.ts';

test.each([
  ['>', 'a', true],
  ['a.*.c', 'a.b.c', true],
  ['a.*.c', 'a.b.d', false],
  ['a.*.c', 'a..c', false],
  ['a.*.c', 'a.b.b.c', false],
  ['a.*', 'a.b.c', false],
  ['a.>', 'a.b.c', true],
  ['a.>', 'a', false],
  ['a.>', 'ab.c', false],
  ['a.b', 'a.b', true],
  ['a.b', 'axb', false],
  ['a.b', 'a.bc', false],
  ['a.b', 'xa.b', false],
  ['a.$(b|c)[', 'a.$(b|c)[', true],
  ['a.$(b|c)[', 'a.c', false],
  ['*.größe', 'shop.größe', true],
  ['a.*', 'a.\n', true],
])('%j, %j: %j', (wanted, subject, expected) => {
  expect(createSubjectMatcher(wanted)(subject)).toBe(expected);
});

test('a token may have any length', () => {
  const token = '(x'.repeat(20_000_000);
  expect(createSubjectMatcher(`a.${token}.*`)(`a.${token}.b`)).toBe(true);
  expect(createSubjectMatcher(`a.${token}.*`)('a.b.c')).toBe(false);
});
