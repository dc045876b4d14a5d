import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { mayEscapeNames, parseByHand, parseJsonText } from './parse-json.ts';

/** The names that V8 confuses, among others. */
const names = fc.oneof(
  fc.constantFrom('"', '\\', '\n', '\b', '\t', '\\"', 'a"b', 'a\\b', '\u0000', '__proto__', 'x'),
  fc.string({ unit: 'binary', maxLength: 6 }),
);
const values = fc.letrec<{ value: unknown; object: object }>((tie) => ({
  object: fc.dictionary(names, tie('value'), { maxKeys: 4 }),
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false, 0, -1, 1.5, 1e300, 'a\\"b\n'),
    fc.string({ unit: 'binary' }),
    fc.array(tie('value'), { maxLength: 3 }),
    tie('object'),
  ),
})).object;

describe('parseJsonText', () => {
  test('returns what was written, whatever the names are', () => {
    fc.assert(
      fc.property(values, fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
        expect(parseJsonText(JSON.stringify(value, null, indent))).toEqual(value);
      }),
      { numRuns: 3000 },
    );
  });

  test('is not affected by names of earlier texts', () => {
    parseJsonText('{"x":1,"\\\\":[]}');
    expect(Object.keys(parseJsonText('{"x":1,"\\n":2}') as object)).toEqual(['x', '\n']);
    expect(Object.keys(parseJsonText('{"x":1,"\\u0041":2}') as object)).toEqual(['x', 'A']);
    expect(Object.keys(parseJsonText('{"x":1,"\\"":2}') as object)).toEqual(['x', '"']);
  });

  test('leaves texts without an escaped name to JSON.parse', () => {
    expect(mayEscapeNames('{"a":"line\\nline","b":1}')).toBe(false);
    expect(mayEscapeNames('{"a":1,"b\\n":1}')).toBe(true);
    expect(mayEscapeNames('{ "\\u0041":1}')).toBe(true);
  });
});

describe('parseByHand', () => {
  test.each([
    '',
    '{',
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":1,',
    '{"a":1,}',
    '[1,]',
    '[,1]',
    '{a:1}',
    "{'a':1}",
    '{"a":01}',
    '{"a":+1}',
    '{"a":.5}',
    '{"a":1.}',
    '{"a":1e}',
    '{"a":NaN}',
    '{"a":"\n"}',
    '{"a":"\\x"}',
    '{"a":"\\u12"}',
    '{"a":tru}',
    '{"a":1}x',
    '"a',
    '\u00a01',
    '{"a" 1}',
    '[1 2]',
  ])('refuses %j, as JSON.parse does', (text) => {
    expect(() => JSON.parse(text)).toThrow(SyntaxError);
    expect(() => parseByHand(text, Number)).toThrow(SyntaxError);
  });

  test.each([
    '1',
    '-0.5e+3',
    '"a\\u00e9"',
    ' [ ] ',
    '{ }',
    'null',
    '[true,false,null]',
    '{"a":{"a":[{}]}}',
  ])('takes %j, as JSON.parse does', (text) => {
    expect(parseByHand(text, Number)).toEqual(JSON.parse(text));
  });

  test('hands on the text of each number', () => {
    const seen: string[] = [];
    parseByHand('{"\\n":[1.0,12345678901234567890,-1e400]}', (source) => void seen.push(source));
    expect(seen).toEqual(['1.0', '12345678901234567890', '-1e400']);
  });

  test('keeps __proto__ a name', () => {
    const value = parseByHand('{"__proto__":{"polluted":true},"\\n":1}', Number) as object;
    expect(Object.keys(value)).toEqual(['__proto__', '\n']);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  test('accepts 500 levels and refuses 501', () => {
    const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
    expect(() => parseByHand(nested(501), Number)).not.toThrow();
    expect(() => parseByHand(nested(502), Number)).toThrow(/nests too deep/);
  });
});
