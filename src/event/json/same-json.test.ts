import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { repeatsItem, sameJson } from './same-json.ts';

test.each([
  ['{"a":1,"b":[true,null,"x"]}', ' { "b" : [ true, null, "\\u0078" ], "a" : 1.0 } '],
  ['[1e2,-0,0.10]', '[100,0,0.1]'],
  ['[12345678901234567890]', '[1234567890123456789e1]'],
])('%s is %s', (one, other) => {
  expect(sameJson(one, other)).toBe(true);
});

test.each([
  ['[9007199254740993]', '[9007199254740992]'],
  ['[0.1]', '[0.1000000000000000055]'],
  ['[1]', '["1"]'],
  ['{"a":null}', '{}'],
  ['[1,2]', '[2,1]'],
])('%s is not %s', (one, other) => {
  expect(sameJson(one, other)).toBe(false);
});

test('a whole number is equal to itself alone, however large', () => {
  fc.assert(
    fc.property(fc.bigInt(), fc.integer({ min: 0, max: 3 }), (number, offset) => {
      expect(sameJson(`[${number}]`, `[${number + BigInt(offset)}]`)).toBe(offset === 0);
      expect(repeatsItem(`{"a":[${number},${number + BigInt(offset)}]}`, '/a')).toBe(offset === 0);
    }),
  );
});

test.each([
  ['{"a":[{"x":1,"y":[1e2]},{"y":[100],"x":1.0}]}', '/a', true],
  ['{"a":[{"x":"1"},{"x":1}]}', '/a', false],
  ['{"a":{"b~/":[1,1]}}', '/a/b~0~1', true],
  ['{"a":1}', '/a', false],
  ['{"a":1}', '/b', false],
] as const)('in %s the array at %s repeats an item: %s', (text, path, repeats) => {
  expect(repeatsItem(text, path)).toBe(repeats);
});
