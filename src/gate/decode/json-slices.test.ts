import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { elementTexts } from './json-slices.ts';

const space = fc.stringMatching(/^[ \t\n\r]{0,3}$/);

/** JSON text of a value with white space and escapes wherever JSON lets them stand. */
const valueTexts: fc.Arbitrary<string> = fc.letrec<{ value: string; string: string }>((tie) => ({
  string: fc
    .array(
      fc.oneof(
        fc.constantFrom(
          '\\"',
          '\\\\',
          '\\u005d',
          '\\n',
          '[',
          ']',
          '{',
          '}',
          ',',
          ':',
          'é',
          '😀',
          '\\/',
        ),
        fc.stringMatching(/^[a-z ]{0,4}$/),
      ),
      { maxLength: 5 },
    )
    .map((parts) => `"${parts.join('')}"`),
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('null', 'true', 'false', '0', '-1.5e+3', '{}', '[]', '""'),
    tie('string'),
    fc
      .array(fc.tuple(space, tie('value'), space), { maxLength: 3 })
      .map((elements) => `[${elements.map((parts) => parts.join('')).join(',')}]`),
    fc
      .array(fc.tuple(space, tie('string'), space, space, tie('value'), space), { maxLength: 3 })
      .map(
        (members) =>
          `{${members.map(([a, name, b, c, value, d]) => `${a}${name}${b}:${c}${value}${d}`).join(',')}}`,
      ),
  ),
})).value;

const array = (texts: readonly string[], gap: string): string =>
  `[${gap}${texts.join(`${gap},${gap}`)}${gap}]`;

describe('elementTexts', () => {
  test('gives each element as it was written', () => {
    fc.assert(
      fc.property(
        fc.array(valueTexts, { maxLength: 5 }),
        space,
        valueTexts,
        fc.constantFrom('"events"', '"\\u0065vents"', '"events"  '),
        (texts, gap, other, name) => {
          const text = `${gap}{${gap}"x":${other},${name}:${array(texts, gap)},${gap}"y":${other}${gap}}${gap}`;
          expect((JSON.parse(text) as { events: unknown[] }).events.length).toBe(texts.length);
          expect(elementTexts(text, 'events')).toEqual(texts);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('gives the last of two members of one name', () => {
    expect(elementTexts('{"events":[1],"events":[2,3]}', 'events')).toEqual(['2', '3']);
    expect(elementTexts('{"other":[1]}', 'events')).toEqual([]);
    expect(elementTexts('{}', 'events')).toEqual([]);
  });

  test('is not misled by a member of that name further down', () => {
    expect(elementTexts('{"a":{"events":[9]},"events":[{"events":[8]}]}', 'events')).toEqual([
      '{"events":[8]}',
    ]);
  });
});
