import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { IncomingEvent } from '../../event/incoming-event.ts';
import { encodeRequestPart, encodeStoredEvent } from '../../event/stored-event.ts';
import { decodeBatchJson, decodeTrackConnect, decodeTrackRest } from './decode-json.ts';
import { walkBody } from './walk-body.ts';

const acceptance = { eventId: 'e', timestampMs: 0, schemaVersion: 1, warnings: [] };
const requestPart = encodeRequestPart({ correlationId: 'c', traceparent: '', sentAt: '' });

function payloadOf(event: IncomingEvent): string {
  return encodeStoredEvent(event, acceptance, 'shop', requestPart);
}

/** JSON as anyone may write it: with spaces, escapes, names that stand twice, and all forms of numbers. */
const spaces = fc.oneof(
  { weight: 60, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.constantFrom(' ', '\n\t') },
);
const numbers = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ max: 1e9, min: -1e9 }).map((cents) => `${cents / 100}`) },
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.integer().map(String),
  fc.stringMatching(/^-?(0|[1-9]\d{0,17})(\.\d{1,17})?([eE][+-]?\d{1,2})?$/),
  fc.constantFrom('-0', '0.0', '0.05', '0.001', '0.000001', '0.0000001', '1.50', '1e3', '1E400'),
  fc.constantFrom('999999999999999', '9999999999999999', '0.1234567890123', '123456789012.345'),
);
const strings = fc.oneof(
  { weight: 20, arbitrary: fc.stringMatching(/^\w{1,12}$/).map((text) => `"${text}"`) },
  fc.string().map((text) => JSON.stringify(text)),
  fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify(text)),
  fc.constantFrom('"\\u00e9"', '"\\/"', '"\\ud800"', '"é"', '"1: 2, [3e4"', '"\u2028"', '""'),
);
const names = fc.oneof(
  { weight: 20, arbitrary: fc.stringMatching(/^[a-z_]{1,8}$/).map((text) => `"${text}"`) },
  fc.constantFrom('"a"', '"b"', '"10"', '"2"', '"07"', '"-1"', '"1e3"', '"__proto__"', '"\\u0061"'),
  strings,
);
const { value: values } = fc.letrec<{ value: string; object: string; array: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    numbers,
    strings,
    fc.constantFrom('true', 'false', 'null'),
    tie('object'),
    tie('array'),
  ),
  object: fc
    .array(fc.tuple(spaces, names, spaces, spaces, tie('value'), spaces), { maxLength: 4 })
    .map(
      (all) => `{${all.map(([a, name, b, c, value, d]) => `${a}${name}${b}:${c}${value}${d}`)}}`,
    ),
  array: fc
    .array(fc.tuple(spaces, tie('value'), spaces), { maxLength: 4 })
    .map((all) => `[${all.map((one) => one.join(''))}]`),
}));
const memberNames = fc.constantFrom(
  '"properties"',
  '"properties"',
  '"context"',
  '"context"',
  '"propertie\\u0073"',
  '"user_id"',
  '"propertiez"',
  '"context2"',
);
const events = fc
  .array(fc.tuple(spaces, memberNames, spaces, values, spaces), { maxLength: 5 })
  .map((all) => `{${all.map(([a, name, b, value, c]) => `${a}${name}:${b}${value}${c}`)}}`);

/** The events of these texts, in each form of a body. */
function decodeAll(texts: readonly string[], space: string): IncomingEvent[] {
  const list = `[${texts.join(`,${space}`)}]`;
  const batch = (names: 'rest' | 'connect', text: string): readonly IncomingEvent[] =>
    decodeBatchJson(Buffer.from(text), names, 100).events;
  return [
    decodeTrackRest(Buffer.from(texts[0]!)),
    decodeTrackConnect(Buffer.from(`{${space}"event":${space}${texts[0]}}`)),
    ...batch('rest', `{${space}"events"${space}:${list}${space}}`),
    ...batch('connect', `{"context":{"x":[1,"]}"]},"events":${list},"validateOnly":false}`),
  ];
}

describe('texts of an event that are stored as they were sent', () => {
  test('are those that would be written anew', () => {
    let kept = 0;
    fc.assert(
      fc.property(fc.array(events, { minLength: 1, maxLength: 3 }), spaces, (texts, space) => {
        for (const event of decodeAll(texts, space)) {
          if (event.written?.propertiesText !== undefined) kept += 1;
          if (event.written?.contextText !== undefined) kept += 1;
          expect(payloadOf(event)).toBe(payloadOf({ ...event, written: undefined }));
        }
      }),
      { numRuns: 1000 },
    );
    expect(kept).toBeGreaterThan(100);
  });

  const textsOf = (properties: string): string | undefined =>
    decodeTrackRest(Buffer.from(`{"event_name":"x","properties":${properties}}`)).written
      ?.propertiesText;

  test.each([
    '{}',
    '{"a":"é\u2028","b":[true,false,null,{"c":[]}],"d":{}}',
    '{"total":129.95,"n":[-1,0,0.05,100,999999999999999,12345678901.234]}',
    '{"at":"2026-03-01T12:00:00Z","1st":"1e5","__proto__":1}'.replace('"1st"', '"first"'),
  ])('%s', (text) => expect(textsOf(text)).toBe(text));

  test.each([
    ['a name twice', '{"a":1,"a":2}'],
    ['a name twice, deep', '{"a":[{"b":1},{"b":1,"b":2}]}'],
    ['names that are sorted', '{"b":1,"2":1,"1":1}'],
    ['an escape', '{"a":"\\u0041"}'],
    ['an escape in a name', '{"\\u0041":1}'],
    ['space', '{"a": 1}'],
    ['a zero at the end', '{"a":1.50}'],
    ['a zero below zero', '{"a":-0}'],
    ['a number that is written with an exponent', '{"a":0.0000001}'],
    ['an exponent', '{"a":1e3}'],
    ['sixteen digits', '{"a":1234567890123456}'],
  ])('written anew: %s', (_name, text) => expect(textsOf(text)).toBeUndefined());

  test.each([
    ['a name with an escape', '{"properties":{"a":1},"propertie\\u0073":{"a":2}}'],
    ['a name before a space', '{"properties":{"a":1},"properties" :{"a":2}}'],
    ['the last of two', '{"properties":{"a":1},"properties":{"a":2}}'],
  ])('%s is that of the properties that count', (_name, text) => {
    const other = '{"properties":{"b":1}}';
    for (const [place, list] of [text, `${text},${other}`, `${other},${text}`].entries()) {
      const { events: decoded } = decodeBatchJson(Buffer.from(`{"events":[${list}]}`), 'rest', 5);
      expect(payloadOf(decoded[place === 2 ? 1 : 0]!)).toContain('"properties":{"a":2}');
    }
  });

  test('of a body with a byte order mark none is taken, since its places are others', () => {
    const text = '{"properties":{"a":1}}';
    const event = decodeTrackRest(Buffer.from(`\ufeff${text}`));
    expect(event.written).toBeUndefined();
    expect(payloadOf(event)).toContain('"properties":{"a":1}');
  });
});

/** The numbers of a text as they are written. */
function numbersIn(text: string): string[] {
  const found: string[] = [];
  JSON.parse(text, (_name, value: unknown, context?: { source?: string }) => {
    if (typeof value === 'number') found.push(context!.source!);
    return value;
  });
  return found;
}

const isDoubtful = (number: string): boolean => /[eE]|[\d.]{16}/.test(number);

describe('what a walk counts', () => {
  test('finds every number that a double changes, and every member that stands twice', () => {
    const members = fc.array(fc.tuple(spaces, names, spaces, values), { maxLength: 6 });
    let repeated = 0;
    fc.assert(
      fc.property(members, (all) => {
        const text = `{${all.map(([a, name, b, value]) => `${a}${name}:${b}${value}`)}}`;
        for (const place of ['body', 'event', 'events'] as const) {
          const walk = walkBody(Buffer.from(text), text, place)!;
          expect(walk.members).toBe(all.length);
          expect(walk.mayBeInexact || !numbersIn(text).some(isDoubtful)).toBe(true);
        }
        if (Object.keys(JSON.parse(text)).length < all.length) repeated += 1;
      }),
      { numRuns: 1000 },
    );
    expect(repeated).toBeGreaterThan(0);
  });

  test.each(['1e5', '1E+400', '-1e-7', '1234567890123456', '0.12345678901234'])(
    'a number %s may be inexact',
    (number) => {
      for (const text of [`{"a":${number}}`, `{"a":[${number}]}`, `{"a":{"b":[1,${number} ]}}`]) {
        expect(walkBody(Buffer.from(text), text, 'body')!.mayBeInexact).toBe(true);
      }
    },
  );

  test('digits and exponents within texts are no numbers', () => {
    const text = '{"a":"1e5","b":": 1234567890123456789","1e5":[",1e5"]}';
    expect(walkBody(Buffer.from(text), text, 'body')!.mayBeInexact).toBe(false);
  });

  test.each([
    '{',
    '{"',
    '{"a',
    '{"a"',
    '{"a":',
    '{"a":[',
    '{"events":[',
    '{"events":[{"properties":{"',
    '{"a\\',
    '{"a":"\\"',
  ])('ends at the end of %s', (text) => {
    for (const place of ['body', 'event', 'events'] as const) {
      expect(walkBody(Buffer.from(text), text, place)).toBeDefined();
    }
  });
});
