import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { orderCompleted, validationOf } from './schemas-folder.fixture.ts';
import type { JsonObject } from '../event/json/json.ts';
import type { Violation } from '../event/violation.ts';

async function violationsIn(schema: JsonObject, properties: JsonObject): Promise<Violation[]> {
  const { validate } = await validationOf({ type: 'object', ...schema });
  return [...(validate(orderCompleted({ properties })).error?.violations ?? [])];
}

function broken(count: number): JsonObject {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 'x']));
}

describe('the message of each keyword', () => {
  const text = { type: 'string', maxLength: 20 };
  const list = { type: 'array', items: { type: 'number' } };
  test.each<[string, JsonObject, JsonObject[keyof JsonObject], string]>([
    ['type', { type: 'number' }, '49.90', 'must be of type number, not string'],
    ['type', { type: 'integer' }, 1.5, 'must be of type integer'],
    ['type', { type: ['string', 'null'] }, [], 'must be of type string or null, not array'],
    ['type', { type: 'string' }, null, 'must be of type string, not null'],
    ['enum', { enum: ['EUR', 'USD'] }, 'GBP', 'must be one of "EUR", "USD"'],
    ['const', { const: 'a' }, 'b', 'must be "a"'],
    ['minimum', { type: 'number', minimum: 0 }, -1, 'must be at least 0'],
    ['maximum', { type: 'number', maximum: 5 }, 6, 'must be at most 5'],
    ['exclusiveMinimum', { type: 'number', exclusiveMinimum: 0 }, 0, 'must be more than 0'],
    ['exclusiveMaximum', { type: 'number', exclusiveMaximum: 5 }, 5, 'must be less than 5'],
    ['multipleOf', { type: 'number', multipleOf: 0.01 }, 0.005, 'must be a multiple of 0.01'],
    ['minLength', { ...text, minLength: 2 }, 'x', 'must have at least 2 characters'],
    ['maxLength', text, 'x'.repeat(21), 'must have at most 20 characters'],
    ['pattern', { ...text, pattern: '^[A-Z]+$' }, 'x', 'must match the pattern "^[A-Z]+$"'],
    ['format', { ...text, format: 'date' }, '2026-02-30', 'must have the format "date"'],
    ['minItems', { ...list, minItems: 1 }, [], 'must have at least 1 items'],
    ['maxItems', { ...list, maxItems: 1 }, [1, 2], 'must have at most 1 items'],
  ])('%s: %j', async (code, schema, value, message) => {
    const found = await violationsIn({ properties: { field: schema } }, { field: value });
    const kind = code === 'type' ? 'wrong_type' : 'advanced_rule';
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ path: '/properties/field', code, message, kind });
  });
});

test('the path of a missing property ends in its name', async () => {
  const schema = { properties: { order: { type: 'object', required: ['id'] } } };
  expect(await violationsIn(schema, { order: {} })).toEqual([
    {
      path: '/properties/order/id',
      code: 'required',
      message: 'is required',
      kind: 'missing_required',
    },
  ]);
});

test('the path of an unknown property ends in its name, and the nearest known name is suggested', async () => {
  const schema = { properties: { order_id: {} }, additionalProperties: false };
  expect(await violationsIn(schema, { orderid: 1, colour: 2 })).toEqual([
    {
      path: '/properties/orderid',
      code: 'additionalProperties',
      message: 'is not a known property. Did you mean order_id?',
      kind: 'additional_property',
      expected: 'order_id',
      suggestion: 'order_id',
    },
    {
      path: '/properties/colour',
      code: 'additionalProperties',
      message: 'is not a known property',
      kind: 'additional_property',
      expected: 'order_id',
    },
  ]);
});

test('a property named __proto__ is unknown, too', async () => {
  const schema = { properties: { order_id: {} }, additionalProperties: false };
  const found = await violationsIn(schema, JSON.parse('{"__proto__": {"order_id": 1}}'));
  expect(found.map(({ path }) => path)).toEqual(['/properties/__proto__']);
});

describe('a violation says what is expected', () => {
  const description = 'What was paid, tax included.';

  test.each<[JsonObject, JsonObject[keyof JsonObject], string | undefined]>([
    [{ type: ['number', 'null'] }, 'x', 'number or null'],
    [{ enum: ['EUR', 'USD'] }, 'GBP', '"EUR", "USD"'],
    [{ const: 1 }, 2, '1'],
    [{ type: 'number', minimum: 0 }, -1, 'at least 0'],
    [{ type: 'number', multipleOf: 0.5 }, 0.3, 'a multiple of 0.5'],
    [{ type: 'string', maxLength: 9, pattern: '^[A-Z]+$' }, 'x', '^[A-Z]+$'],
    [{ type: 'string', maxLength: 10, format: 'date' }, 'x', 'date'],
    [{ type: 'array', maxItems: 1 }, [1, 2], undefined],
  ])('%j', async (schema, value, expected) => {
    const properties = { field: { ...schema, description } };
    const [found] = await violationsIn({ properties }, { field: value });
    expect([found?.expected, found?.description]).toEqual([expected, description]);
  });

  test('for a missing property, from its own schema', async () => {
    const properties = { total: { type: 'number', description } };
    const [found] = await violationsIn({ properties, required: ['total'] }, {});
    expect(found).toMatchObject({ expected: 'number', description });
  });

  test('and cuts long texts of the schema', async () => {
    const long = 'x'.repeat(1000);
    const values = Array.from({ length: 100 }, (_, index) => `${index}${long}`);
    const schema = { enum: values, description: long };
    const [found] = await violationsIn({ properties: { field: schema } }, { field: 1 });
    expect(found?.expected?.length).toBe(203);
    expect(found?.description?.length).toBe(163);
  });
});

test('escapes names as JSON pointers require', async () => {
  const schema = {
    properties: {
      'a/b': { type: 'object', additionalProperties: { type: 'number' } },
      'c~d': {},
    },
    required: ['c~d'],
    additionalProperties: false,
  };
  const found = await violationsIn(schema, { 'a/b': { 'e~/f': 'x' }, '~1': 1 });
  expect(found.map(({ path }) => path).sort()).toEqual([
    '/properties/a~1b/e~0~1f',
    '/properties/c~0d',
    '/properties/~01',
  ]);
});

test('the path of a forbidden name ends in that name, and long names are cut', async () => {
  const schema = { propertyNames: { maxLength: 8 } };
  const [first] = await violationsIn(schema, { ['x'.repeat(10_000)]: 1 });
  expect(first?.path).toMatch(/^\/properties\/x+$/);
  expect(first?.path.length).toBe(512);
});

test('accepts a price with two decimals as a multiple of 0.01', async () => {
  const schema = { properties: { total: { type: 'number', multipleOf: 0.01 } } };
  expect(await violationsIn(schema, { total: 19.99 })).toEqual([]);
});

describe('the cap', () => {
  const numbers = { additionalProperties: { type: 'number' } };

  test('shows 20 of 20', async () => {
    const found = await violationsIn(numbers, broken(20));
    expect(found).toHaveLength(20);
    expect(found.at(-1)?.code).toBe('type');
  });

  test('shows 19 of 50, and the last one counts the other 31', async () => {
    const found = await violationsIn(numbers, broken(50));
    expect(found).toHaveLength(20);
    expect(found.at(-1)).toEqual({
      path: '/properties',
      code: 'more',
      message: '31 more violations are not shown; fix these first',
    });
  });

  test('shows only the first violation of an event with very many values', async () => {
    const found = await violationsIn(numbers, broken(5001));
    expect(found.map(({ code }) => code)).toEqual(['type', 'more']);
  });
});

test('does not run a pattern on an overlong text', async () => {
  const pattern = '[a-z]+[0-9]';
  const schema = { properties: { name: { type: 'string', maxLength: 1000, pattern } } };
  // Without the bound this takes a minute, and grows with the square of the length.
  const { validate } = await validationOf({ type: 'object', ...schema });
  const event = orderCompleted({ properties: { name: 'a'.repeat(400_000) } });
  validate(event);
  const started = performance.now();
  const { error } = validate(event);
  expect(performance.now() - started).toBeLessThan(5_000);
  expect(error?.violations.map(({ code }) => code)).toEqual(['maxLength']);
});

test('no message contains data of the event', async () => {
  const text = { type: 'string', maxLength: 12 };
  const { validate } = await validationOf({
    type: 'object',
    properties: {
      text: { ...text, pattern: '^[A-Z]+$' },
      date: { ...text, format: 'date' },
      choice: { enum: ['a', 'b'] },
      fixed: { const: { a: 1 } },
      number: { type: 'number', maximum: 5 },
      list: { type: 'array', maxItems: 2, uniqueItems: true, items: { enum: [1] } },
      either: { anyOf: [{ type: 'number' }, { type: 'object', required: ['id'] }] },
      map: { type: 'object', propertyNames: { maxLength: 3 }, maxProperties: 1 },
    },
    dependentRequired: { text: ['other'] },
    additionalProperties: false,
  });
  const names = ['text', 'date', 'choice', 'fixed', 'number', 'list', 'either', 'map', 'textt'];
  const secret = fc.uuid().map((id) => `SECRET-${id}`);
  const value = fc.oneof(
    secret,
    fc.array(secret, { maxLength: 4 }),
    fc.dictionary(secret, secret, { maxKeys: 3 }),
    fc.integer({ min: 7_000_000 }),
  );
  const name = fc.oneof(fc.constantFrom(...names), secret);
  const properties = fc.dictionary(name, value, { minKeys: 1 });
  let messages = 0;
  fc.assert(
    fc.property(properties, secret, (properties, userId) => {
      const { error } = validate(
        orderCompleted({ properties, userId, eventName: 'order_completed' }),
      );
      for (const message of [error, ...(error?.violations ?? [])].map((part) => part?.message)) {
        messages++;
        expect(message ?? '').not.toMatch(/SECRET|\d{7}/);
      }
    }),
  );
  expect(messages).toBeGreaterThan(100);
});
