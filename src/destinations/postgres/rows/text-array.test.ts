import { expect, test } from 'vitest';

import { textArray } from './text-array.ts';

test('an array of texts is the bytes that PostgreSQL sends for it', () => {
  // SELECT encode(array_send(ARRAY['a', NULL, '', 'é']), 'hex')
  expect(textArray(['a', null, '', 'é']).toString('hex')).toBe(
    '0000000100000001000000190000000400000001' +
      '0000000161' +
      'ffffffff' +
      '00000000' +
      '00000002c3a9',
  );
});

test('an array without null says so, and one without elements has no dimension', () => {
  expect(textArray(['x']).toString('hex')).toBe(
    '00000001000000000000001900000001000000010000000178',
  );
  expect(textArray([]).toString('hex')).toBe('000000000000000000000019');
});
