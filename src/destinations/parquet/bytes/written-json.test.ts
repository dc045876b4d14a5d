import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { isAsWritten } from './written-json.ts';

/** In the middle of other JSON. */
function isAsIs(json: string): boolean {
  const bytes = Buffer.from(`{"a":${json},"b":1}`);
  return isAsWritten(bytes, 5, 5 + Buffer.byteLength(json));
}

const rewritten = (json: string): string => JSON.stringify(JSON.parse(json));

const number = fc.oneof(
  fc.stringMatching(/^-?(0|[1-9]\d{0,16})(\.\d{1,8})?$/),
  fc.constantFrom('-0', '0.0', '1e2', '1E-7', '0.000001', '0.0000001', '1.10', '100'),
);
const string = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 5 }).map((value) => JSON.stringify(value)),
  fc.constantFrom('"\\u0041"', '"a\\/b"'),
);
const name = fc.constantFrom(
  '"a"',
  '"b"',
  '"ab"',
  '"1"',
  '"10"',
  '"01"',
  '""',
  '"__proto__"',
  '"\\u0061"',
);
const { json } = fc.letrec<{ json: string }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    fc.constantFrom('true', 'false', 'null', '[]', '{}'),
    number,
    string,
    fc.array(tie('json'), { maxLength: 3 }).map((items) => `[${items.join(',')}]`),
    fc
      .array(fc.tuple(name, tie('json')), { maxLength: 3 })
      .map((members) => `{${members.map((member) => member.join(':')).join(',')}}`),
  ),
}));

test('JSON that is taken as it is, is what its value is written as', () => {
  fc.assert(
    fc.property(json, (text) => {
      expect(isAsIs(text) && rewritten(text) !== text).toBe(false);
    }),
    { numRuns: 5_000 },
  );
});

test('numbers', () => {
  for (const text of ['0', '-1', '0.5', '0.000001', '-12.34', '99999999999999', '1234567.000001']) {
    expect([text, isAsIs(text), rewritten(text)]).toEqual([text, true, text]);
  }
  for (const text of ['-0', '0.0', '1.0', '1.50', '1e2', '0.0000001', '12345678901234567890']) {
    expect([text, isAsIs(text)]).toEqual([text, false]);
    expect([text, isAsIs(`[1,${text}]`)]).toEqual([text, false]);
  }
});

test('objects and arrays', () => {
  const sku = '{"sku":"SKU-1","quantity":2,"price":52.15}';
  expect(isAsIs(`[${sku},${sku}]`)).toBe(true);
  expect(isAsIs('{"a":{"a":[true,null,{}],"né":[]},"b":{"a":""}}')).toBe(true);
  // Objects have numbers first, and each name once.
  expect(isAsIs('{"b":1,"1":2}')).toBe(false);
  expect(isAsIs('{"a":{"b":1},"b":2,"a":3}')).toBe(false);
  expect(isAsIs('["\\u0041"]')).toBe(false);
  // Deeper, or with more names, than is looked at.
  expect(isAsIs(`${'['.repeat(100)}${']'.repeat(100)}`)).toBe(false);
  const names = Array.from({ length: 100 }, (_, at) => `"n${at}":${at}`);
  expect(isAsIs(`{${names.join(',')}}`)).toBe(false);
});
