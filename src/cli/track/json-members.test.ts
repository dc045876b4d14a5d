import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { findInexactNumber } from './inexact-number.ts';
import { jsonMembers } from './json-members.ts';

describe('jsonMembers', () => {
  it('splits an object into its members, as written', () => {
    const { texts, repeated } = jsonMembers(
      ' { "a" : 1.50 ,"b\\"\\u0041":"}\\"," , "c":[{"d":[]},"]"], "e":{ } , "f":null,"g":-0\n} ',
    );
    expect([...texts]).toEqual([
      ['a', '1.50'],
      ['b"A', '"}\\","'],
      ['c', '[{"d":[]},"]"]'],
      ['e', '{ }'],
      ['f', 'null'],
      ['g', '-0'],
    ]);
    expect(repeated).toBeUndefined();
  });

  it('reports a name that appears twice', () => {
    expect(jsonMembers('{"a":1,"\\u0061":2}').repeated).toBe('a');
    expect(jsonMembers('{}').texts.size).toBe(0);
  });

  it('keeps every member of any object', () => {
    const objects = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue());
    fc.assert(
      fc.property(objects, fc.constantFrom(0, 1, '\t'), (object, space) => {
        const plain = JSON.stringify(object, undefined, space);
        const { texts } = jsonMembers(plain);
        const back = [...texts].map(([name, text]) => [name, JSON.parse(text) as unknown]);
        expect(back).toEqual(Object.entries(JSON.parse(plain) as object));
      }),
    );
  });
});

describe('findInexactNumber', () => {
  it.each([
    '{"a":12345678901234567890}',
    '{"a":[0.12345678901234567890]}',
    '{"a":1e400}',
    '{"a":-1e-400}',
    '{"a":9007199254740993}',
  ])('finds a number that a double would change: %s', (text) => {
    expect(findInexactNumber(text)).toBe(/-?\d[\d.e-]*/.exec(text)?.[0]);
  });

  it.each([
    '{"a":1.50,"b":"12345678901234567890"}',
    '{"a":0.10000000000000000}',
    '{"a":1e2,"b":1E+22,"c":5e-7,"d":-0e10}',
    '{"a":100000000000000000000000}',
    '{"a":9007199254740992}',
    '{"a":"fe12-e51"}',
  ])('accepts a number that a double represents: %s', (text) => {
    expect(findInexactNumber(text)).toBeUndefined();
  });
});
