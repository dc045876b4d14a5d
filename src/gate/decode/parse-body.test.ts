import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { decodeBatchJson, decodeTrackRest } from './decode-json.ts';
import { parseShortest } from '../../event/exact-numbers.ts';
import { parseJson } from './parse-body.ts';

const digits = (max: number): fc.Arbitrary<string> =>
  fc.stringMatching(new RegExp(`^[1-9][0-9]{0,${max}}$`));

/** Numbers as JSON may write them, those that a double changes among them. */
const numberTexts = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.oneof(fc.constant('0'), digits(30)),
    fc.option(fc.stringMatching(/^[0-9]{1,25}$/), { nil: undefined }),
    fc.option(fc.tuple(fc.constantFrom('e', 'E'), fc.constantFrom('', '+', '-'), fc.nat(300)), {
      nil: undefined,
    }),
  )
  .map(
    ([sign, whole, fraction, exponent]) =>
      `${sign}${whole}${fraction === undefined ? '' : `.${fraction}`}${exponent === undefined ? '' : exponent.join('')}`,
  )
  // Of -0 the sign is lost, as JavaScript loses it when it writes JSON.
  .filter((text) => Number.isFinite(Number(text)) && !/^-0(?:\.0*)?(?:[eE].*)?$/.test(text));

describe('exact numbers', () => {
  test('keep every digit that was sent, wherever they stand', () => {
    fc.assert(
      fc.property(numberTexts, numberTexts, (left, right) => {
        const properties = `{"a":${left},"b":[1,{"c":${right}}],"d":"${left}"}`;
        const event = `{"event_name":"x","properties":${properties}}`;
        const alone = decodeTrackRest(Buffer.from(event));
        const batch = decodeBatchJson(Buffer.from(`{"events":[{},${event}]}`), 'rest', 5);
        const asText = decodeTrackRest(
          Buffer.from(JSON.stringify({ properties_json: properties })),
        );
        for (const decoded of [alone, batch.events[1]!, asText]) {
          const stored = decoded.propertiesText ?? JSON.stringify(decoded.properties);
          expect(JSON.parse(stored)).toEqual(JSON.parse(properties));
          expect(sourcesOf(stored)).toEqual([left, right].map(plainest));
        }
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    '12345678901234567890',
    '0.1234567890123456789',
    '1e25',
    '-0',
    '1.0',
    '9007199254740993',
    '1E400',
  ])('%s comes out as it went in, or as the same number', (text) => {
    const exact = parseShortest(`{"n":${text}}`);
    const stored =
      exact === undefined ? JSON.stringify(JSON.parse(`{"n":${text}}`)) : JSON.stringify(exact);
    const shown = /:(.*)\}/.exec(stored)![1]!;
    expect(plainest(shown)).toBe(plainest(text));
  });

  test('are written like any other where a double holds them, whatever stands beside them', () => {
    fc.assert(
      fc.property(numberTexts, numberTexts, (own, other) => {
        const properties = `{"a":${own},"b":[1.50,-0,0.0000001,1.0,1e2]}`;
        const event = `{"event_name":"x","properties":${properties},"context":{"n":${own}}}`;
        const beside = `{"event_name":"x","properties":{"n":${other}}}`;
        const alone = decodeTrackRest(Buffer.from(event));
        const batch = decodeBatchJson(Buffer.from(`{"events":[${beside},${event}]}`), 'rest', 5);
        const [first, second] = [alone, batch.events[1]!].map((decoded) => [
          decoded.propertiesText ?? JSON.stringify(decoded.properties),
          JSON.stringify(decoded.context),
        ]);
        expect(second).toEqual(first);
        expect(first![0]).toMatch(/,"b":\[1\.5,0,1e-7,1,100\]\}$/);
      }),
      { numRuns: 500 },
    );
  });

  test.each([400, 600, 3_000, 100_000])(
    'an event that nests %s levels deep keeps no other from being read',
    (depth) => {
      const deep = `{"event_name":"deep","properties":{"a":${'['.repeat(depth)}1e5,"]"${']'.repeat(depth)}}}`;
      const good = '{"event_name":"good","properties":{"n":12345678901234567890}}';
      const body = Buffer.from(`{"events":[${good},${deep},${good}]}`);
      const { events } = decodeBatchJson(body, 'rest', 5);
      expect(events.map(({ fault }) => fault?.code)).toEqual([
        undefined,
        'invalid_field',
        undefined,
      ]);
      expect(events.map(({ propertiesText }) => propertiesText)).toEqual([
        '{"n":12345678901234567890}',
        expect.anything(),
        '{"n":12345678901234567890}',
      ]);
      expect(Buffer.from(events[1]!.original()).toString()).toBe(deep);
      expect(decodeTrackRest(Buffer.from(deep)).fault?.code).toBe('invalid_field');
    },
  );

  test('are not searched if they do not exist', () => {
    for (const text of ['{"n":1.5}', '{"id":"12345678901234567890123"}', '{"n":[1,2,3.25]}']) {
      expect(parseShortest(text)).toBeUndefined();
    }
  });
});

describe('parseJson', () => {
  test('names the place and never the text', () => {
    const secret = '{"email": "somebody@example.com" "x": 1}';
    expect(() => parseJson(secret)).toThrow(/position 33/);
    expect(() => parseJson(secret)).not.toThrow(/somebody/);
    expect(() => parseJson('{"a":')).toThrow(
      expect.objectContaining({ code: 'malformed_request' }),
    );
  });
});

/** The texts of the numbers `a` and `c`. */
function sourcesOf(text: string): string[] {
  const [, a, c] = /^\{"a":([^,]+),"b":\[1,\{"c":([^}]+)\}/.exec(text)!;
  return [plainest(a!), plainest(c!)];
}

/** A number without what does not change it, as digits and a power of ten. */
function plainest(text: string): string {
  const [, sign, whole, fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text)!;
  const all = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = all.replace(/0+$/, '');
  if (significant === '') return '0';
  const power = Number(exponent) - fraction.length + (all.length - significant.length);
  return `${sign}${significant}e${power}`;
}

test.each([
  ['<html>', 'found <html> at position 0 (line 1 column 1)'],
  ['\n\n<!DOCTYPE html>', 'found <!DOCTYPE at position 2 (line 3 column 1)'],
  ['{"n":NaN}', 'found NaN at position 5 (line 1 column 6)'],
  ['{"n":\n -Infinity}', 'found -Infinity at position 8 (line 2 column 3)'],
  ['{"n":undefined}', 'found undefined at position 5 (line 1 column 6)'],
  ["{'n':1}", 'found "\'" at position 1 (line 1 column 2)'],
  ['{"n":1,}', 'found "}" at position 7 (line 1 column 8)'],
  ['{"n":1}Anna', 'found "A" at position 7 (line 1 column 8)'],
  ['{"n":"a\u0001b"}', 'found "\\u0001" at position 7 (line 1 column 8)'],
  ['{"n\\n":NaN}', 'found NaN at position 7 (line 1 column 8)'],
  ['{"n":"abc', 'it ends too early, at position 9 (line 1 column 10)'],
  ['{"n":', 'it ends too early, at position 5 (line 1 column 6)'],
  ['', 'it ends too early, at position 0 (line 1 column 1)'],
])('%j is refused with the place and what was found', (text, why) => {
  expect(() => parseJson(text)).toThrow(`The body is not JSON: ${why}.`);
});

test('a long text is not searched for the place', () => {
  const text = `{"pad":"${'x'.repeat(64 * 1024)}","n":NaN}`;
  expect(() => parseJson(text)).toThrow('The body is not JSON: it has "N" out of place.');
});
