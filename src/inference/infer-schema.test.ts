import { describe, expect, test } from 'vitest';

import type { JsonObject, JsonValue } from '../event/json/json.ts';
import { schemaBytesMax } from '../validation/schema/schema-safety.ts';
import { inferSchema } from './infer-schema.ts';
import { depthMax, emptySketch, addValue, nameFollowedMax, namesMax, placesMax } from './sketch.ts';

const choices: Parameters<typeof inferSchema>[1] = { samplesMin: 20, personal: undefined };

function infer(events: readonly JsonObject[], options = choices, places = placesMax) {
  const sketch = emptySketch();
  const budget = { left: places };
  for (const event of events) addValue(sketch, event, budget);
  const inferred = inferSchema(sketch, options);
  // It passes the checks of the gate, and takes what it was made from.
  expect(inferred.compiled).toBeDefined();
  expect(events.filter((event) => inferred.compiled!.findingsIn(event) !== undefined)).toEqual([]);
  return { ...inferred, sketch };
}

/** So many events with a property `v`. */
function valuesOf(count: number, valueOf: (index: number) => JsonValue, name = 'v') {
  const { schema, doubts } = infer(
    Array.from({ length: count }, (_, index) => ({ [name]: valueOf(index) })),
  );
  const properties = schema['properties'] as Record<string, JsonObject>;
  const { description: _description, ...rules } = properties[name]!;
  return { rules, doubts: doubts.map(({ path, text }) => `${path}: ${text}`) };
}

const uuid = (index: number): string =>
  `0190b5f0-7c4e-7d60-9f0a-${String(index).padStart(12, '0')}`;

describe('an object is open', () => {
  const inside = (events: readonly JsonObject[]) => infer(events).compiled!;

  test('that was always empty', () => {
    const compiled = inside(Array.from({ length: 100 }, () => ({ id: 1, extra: {} })));
    expect(compiled.findingsIn({ id: 1, extra: { a: 1 } })).toBeUndefined();
    expect(compiled.findingsIn({ id: 1, extra: {}, b: 1 })).toBeDefined();
  });

  test('with a name that is too long, and keeps the rules of the others', () => {
    const long = (length: number) => ({ id: 1, ['x'.repeat(length)]: 'y' });
    const events = [...Array.from({ length: 2000 }, () => ({ id: 1 })), long(nameFollowedMax + 1)];
    const compiled = inside(events);
    expect(compiled.findingsIn({ id: 'x' })).toBeDefined();
    expect(compiled.findingsIn({ id: 1, b: 1 })).toBeUndefined();
    const short = infer([...events.slice(1), long(nameFollowedMax)]).schema['properties'];
    expect(Object.keys(short as JsonObject)).toContain('x'.repeat(nameFollowedMax));
  });

  test('with names that fill more than a schema may have, and keeps the rules of the others', () => {
    const events: JsonObject[] = Array.from({ length: 2000 }, () => ({ id: 1 }));
    for (const name of ['a', 'b', 'c']) events.push({ id: 1, [name.repeat(100_000)]: 1 });
    expect(inside(events).findingsIn({ id: 'x' })).toBeDefined();
  });
});

describe('one property', () => {
  test.each<[string, string, (index: number) => JsonValue, JsonObject]>([
    ['whole numbers', 'v', (index) => index, { type: 'integer', minimum: 0 }],
    ['whole numbers of an amount', 'price', (index) => index, { type: 'number', minimum: 0 }],
    ['fractions', 'v', (index) => index / 2, { type: 'number', minimum: 0 }],
    ['negative numbers', 'v', (index) => index - 9, { type: 'integer' }],
    ['numbers that may be negative', 'balance', (index) => index, { type: 'number' }],
    ['beyond 2^53', 'v', (index) => 2 ** 60 + index * 512, { type: 'integer', minimum: 0 }],
    ['truth', 'v', (index) => index % 2 === 0, { type: 'boolean' }],
    ['free texts', 'v', (index) => `text ${index}`, { type: 'string', maxLength: 64 }],
    [
      'long texts',
      'v',
      (index) => `${index} ${'x'.repeat(90)}`,
      { type: 'string', maxLength: 1024 },
    ],
    ['choices', 'v', (index) => 'abc'[index % 3]!, { type: 'string', enum: ['a', 'b', 'c'] }],
    [
      'choices of a free name',
      'title',
      (index) => 'abc'[index % 3]!,
      { type: 'string', maxLength: 64 },
    ],
    ['nothing but empty texts', 'v', () => '', { type: 'string', maxLength: 64 }],
    [
      'or null',
      'v',
      (index) => (index % 2 ? 'a' : null),
      { type: ['string', 'null'], enum: ['a', null] },
    ],
    ['uuids', 'v', uuid, { type: 'string', format: 'uuid', maxLength: 36 }],
    [
      'times',
      'v',
      (index) => new Date(index).toISOString(),
      { type: 'string', format: 'date-time', maxLength: 64 },
    ],
    [
      'days',
      'v',
      (index) => `2026-01-${10 + (index % 9)}`,
      { type: 'string', format: 'date', maxLength: 10 },
    ],
    [
      'emails',
      'v',
      (index) => `p${index}@example.com`,
      { type: 'string', format: 'email', maxLength: 254 },
    ],
    [
      'addresses',
      'v',
      (index) => `https://example.com/${index}`,
      { type: 'string', format: 'uri', maxLength: 2048 },
    ],
    ['IPv4', 'v', (index) => `10.0.0.${index}`, { type: 'string', format: 'ipv4', maxLength: 15 }],
    [
      'IPv6',
      'v',
      (index) => `2001:db8::${index}`,
      { type: 'string', format: 'ipv6', maxLength: 45 },
    ],
    [
      'days and a word',
      'v',
      (index) => (index ? `2026-01-0${1 + (index % 9)}` : 'never'),
      { type: 'string', maxLength: 64 },
    ],
    [
      'lists',
      'v',
      (index) => [index],
      { type: 'array', maxItems: 16, items: { type: 'integer', minimum: 0 } },
    ],
    ['empty lists', 'v', () => [], { type: 'array', maxItems: 16 }],
    [
      'texts and numbers',
      'v',
      (index) => (index % 2 ? `t${index}` : index),
      { type: ['string', 'integer'], maxLength: 64, minimum: 0 },
    ],
    ['only null', 'v', () => null, {}],
  ])('%s', (_what, name, valueOf, rules) => {
    expect(valuesOf(60, valueOf, name).rules).toEqual(rules);
  });

  test.each<[string, string, (index: number) => JsonValue, string]>([
    ['only null', 'v', () => null, 'v: only null was seen: any value is allowed'],
    [
      'several types',
      'v',
      (index) => (index % 2 ? `t${index}` : index),
      'v: several types: string 30, number 30',
    ],
    ['one choice', 'v', () => 'EUR', 'v: only "EUR" was seen: an enum of one'],
    [
      'rare choices',
      'v',
      (index) => (index < 2 ? 'eur' : 'EUR'),
      'v: an enum with values that are rare: "eur"',
    ],
    [
      'an amount',
      'total',
      () => 5,
      'total: only whole numbers were seen, and its name may have fractions: number',
    ],
    [
      'a person',
      'first_name',
      (index) => `n${index}`,
      'first_name: looks personal: mark it with x-pii (drop, mask or hash)',
    ],
    [
      'a person, by value',
      'to',
      (index) => `p${index}@example.com`,
      'to: looks personal: mark it with x-pii (drop, mask or hash)',
    ],
    [
      'a map',
      'v',
      (index) => ({ [`2026-01-${10 + (index % 20)}`]: 1 }),
      'v: 20 different names: a map, not properties',
    ],
  ])('is doubted: %s', (_what, name, valueOf, doubt) => {
    expect(valuesOf(60, valueOf, name).doubts).toContain(doubt);
  });
});

describe('an object', () => {
  const events = (count: number, of: (index: number) => JsonObject) =>
    Array.from({ length: count }, (_, index) => of(index));

  test('has required properties, and no others', () => {
    const { schema } = infer(events(40, (index) => ({ a: 1, ...(index % 2 && { b: 2 }) })));
    expect(schema).toMatchObject({ required: ['a'], additionalProperties: false });
  });

  test('with a property that is nearly always there: optional, and doubted', () => {
    const { schema, doubts } = infer(
      events(400, (index) => (index === 7 ? { a: 1 } : { a: 1, b: 2 })),
    );
    expect(schema).toMatchObject({ required: ['a'] });
    expect(doubts).toContainEqual({
      path: 'b',
      text: 'missing in 1 of 400: optional. Required, and they are faults?',
    });
  });

  test('with names that come once each stays open', () => {
    const { schema } = infer(
      events(40, (index) => ({ a: 1, ...(index < 3 && { [`b${index}x`]: 2 }) })),
    );
    expect(schema).not.toHaveProperty('additionalProperties');
    expect(schema).toMatchObject({ required: ['a'] });
  });

  test.each([
    [19, []],
    [20, ['required', 'additionalProperties', 'enum']],
  ])('of %i events has the rules %j', (count, rules) => {
    const { schema } = infer(events(count, () => ({ a: { b: 'x' } })));
    const { a } = schema['properties'] as Record<string, JsonObject>;
    const { b } = a!['properties'] as Record<string, JsonObject>;
    const written = [...Object.keys(schema), ...Object.keys(a!), ...Object.keys(b!)];
    const strict = ['required', 'additionalProperties', 'enum'];
    expect(strict.filter((rule) => written.includes(rule))).toEqual(rules);
  });

  test('with names that every JavaScript object has leaves them out, and stays open', () => {
    const { schema } = infer(events(30, () => ({ a: 1, constructor: 2 }) as unknown as JsonObject));
    expect(Object.keys(schema['properties'] as object)).toEqual(['a']);
    expect(schema).not.toHaveProperty('additionalProperties');
  });

  test('with ids as names is a map', () => {
    const { schema } = infer(events(40, (index) => ({ m: { [uuid(index)]: { n: index } } })));
    expect(schema).toMatchObject({
      properties: {
        m: { propertyNames: { maxLength: 256 }, additionalProperties: { required: ['n'] } },
      },
    });
  });

  test('marks what looks personal, if asked', () => {
    const people = events(30, (index) => ({
      email: `p${index}@example.com`,
      phone_numbers: [`${index}`],
    }));
    const { schema } = infer(people, { ...choices, personal: 'hash' });
    expect(schema['properties']).toMatchObject({
      email: { 'x-pii': 'hash', format: 'email' },
      phone_numbers: { items: { 'x-pii': 'hash' } },
    });
    expect(JSON.stringify(schema).match(/x-pii/g)).toHaveLength(2);
  });
});

describe('limits', () => {
  test.each([
    [namesMax, true],
    [namesMax + 1, false],
  ])('%i names: are properties: %s', (count, isListed) => {
    const names = Array.from({ length: count }, (_, index) => [`name${index}x`, 1]);
    const { sketch } = infer([Object.fromEntries(names) as JsonObject]);
    expect(sketch.members?.size).toBe(isListed ? count : undefined);
    expect(sketch.others?.values).toBe(isListed ? undefined : count);
  });

  test('what nests deeper than is followed may be anything', () => {
    let value: JsonValue = 1;
    for (let level = 0; level < depthMax + 5; level++) value = { in: value };
    const { schema, doubts } = infer([value as unknown as JsonObject]);
    expect(JSON.stringify(schema).match(/"in"/g)).toHaveLength(depthMax);
    expect(doubts.length).toBeGreaterThan(0);
  });

  test('beyond the places that are followed, names are allowed and not described', () => {
    const many = Array.from({ length: 30 }, () => ({ a: 1, b: 2, c: { d: 3 } }));
    const { schema } = infer(many, choices, 2);
    expect(Object.keys(schema['properties'] as object)).toEqual(['a', 'b']);
    expect(schema).not.toHaveProperty('additionalProperties');
  });

  test('a schema that is too large describes fewer levels', () => {
    const wide = (width: number, depth: number): JsonObject =>
      Object.fromEntries(
        Array.from({ length: width }, (_, index) => [
          `quite_a_long_name_of_a_property_${index}x`,
          depth === 0 ? 'text' : wide(width, depth - 1),
        ]),
      );
    const { text, doubts } = infer([wide(15, 2)]);
    expect(Buffer.byteLength(text)).toBeLessThan(schemaBytesMax);
    expect(doubts[0]).toEqual({ path: '', text: expect.stringMatching(/^only \d levels/) });
  });

  test('the order of events does not matter', () => {
    const some = Array.from({ length: 50 }, (_, index) => ({
      [index % 2 ? 'b' : 'a']: index % 3 ? `x${index % 5}` : null,
      c: { d: index },
    }));
    expect(infer(some.toReversed()).text).toBe(infer(some).text);
  });
});

test('a map keeps the values of an entry with few names beside one with very many', () => {
  const many = Object.fromEntries(
    Array.from({ length: namesMax + 1 }, (_, at): [string, string] => [`n${at}`, 'a']),
  );
  const entries = [{ k: 1 }, many, many, many, many];
  const map = Object.fromEntries(entries.map((entry, at) => [`id-${at}`, entry]));
  const { compiled } = infer(Array.from({ length: 30 }, () => ({ m: map })));
  expect(compiled!.findingsIn({ m: { 'id-7': { k: 2 } } })).toBeUndefined();
});
