import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { createValidation, loadRegistry, type Validation } from '../validation.ts';
import { markingOf, personalDataFaults } from './personal-data.ts';
import { createRedact } from '../personal-data/redact.ts';
import { orderCompleted, orderTaxonomy, schemasFolder } from '../schemas-folder.fixture.ts';
import { StartError } from '../../errors.ts';
import { parseWithNumberTexts } from '../../event/changed-properties.ts';
import type { JsonObject, JsonValue } from '../../event/json/json.ts';

const hashKey = 'a key of this test, and of nothing else';
const email = { type: 'string', maxLength: 254, format: 'email', 'x-pii': 'hash' };

function redact(schema: JsonObject, properties: JsonObject, key = hashKey): JsonObject {
  const marking = markingOf([{ type: 'object', ...schema }]);
  return createRedact(marking!, key)(properties);
}

function faultsOf(schema: JsonObject): string[] {
  const faults: string[] = [];
  personalDataFaults({ type: 'object', ...schema }, (problem) => faults.push(problem));
  return faults;
}

const token = expect.stringMatching(/^hmac-sha256:[0-9a-f]{64}$/);

describe('a mark', () => {
  const marked = (action: string): JsonObject => ({
    properties: { it: { type: 'string', 'x-pii': action } },
  });

  test.each([
    ['drop', {}],
    ['mask', { it: '***' }],
    ['hash', { it: token }],
  ])('%s', (action, left) => {
    const sent = { it: 'ann@example.com', total: 1 };
    expect(redact(marked(action), sent)).toEqual({ ...left, total: 1 });
    expect(sent.it).toBe('ann@example.com');
  });

  test('hash is HMAC-SHA-256 under the key', () => {
    // printf %s ann@example.com | openssl dgst -sha256 -hmac key
    const { it: first } = redact(marked('hash'), { it: 'ann@example.com' }, 'key');
    expect(first).toBe(
      'hmac-sha256:9e477c88a643485898d5bad53f82b84a26a0d030f5639ec82b492b8dbae118a7',
    );
    expect(redact(marked('hash'), { it: 'ann@example.com' }, 'other')['it']).not.toBe(first);
  });

  test('a number has one hash, however it was written', () => {
    const hashOf = (value: JsonValue) => redact(marked('hash'), { it: value }, 'key')['it'];
    const written = (text: string): JsonValue => parseWithNumberTexts(text);
    for (const text of ['100', '1e2', '100.0']) expect(hashOf(written(text))).toBe(hashOf(100));
    for (const text of ['0', '-0', '0e5']) expect(hashOf(written(text))).toBe(hashOf(-0));
    expect(hashOf(written('{"a":[1.50]}'))).toBe(hashOf({ a: [1.5] }));
    const long = hashOf(written('9007199254740993'));
    expect(long).toBe(hashOf(written('9007199254740993.0')));
    expect(long).not.toBe(hashOf(written('9007199254740992')));
  });

  test.each(['mask', 'hash', 'drop'])('%s applies to every value except null', (action) => {
    for (const value of [5, true, { a: ['ann'] }, ['ann'], '']) {
      const text = JSON.stringify(redact(marked(action), { it: value }));
      expect(text).toMatch(/^\{("it":"(\*\*\*|hmac-sha256:[0-9a-f]{64})")?\}$/);
    }
    expect(redact(marked(action), { it: null })).toEqual(action === 'drop' ? {} : { it: null });
  });

  test('is idempotent', () => {
    fc.assert(
      fc.property(fc.constantFrom('mask', 'hash', 'drop'), fc.jsonValue(), (action, value) => {
        const once = redact(marked(action), { it: value } as JsonObject);
        expect(redact(marked(action), once)).toEqual(once);
      }),
    );
  });
});

describe('a mark is found', () => {
  const mark = { type: 'string', 'x-pii': 'mask' };
  test.each<[string, JsonObject, JsonObject, JsonObject]>([
    [
      'deep inside',
      { properties: { a: { properties: { b: mark } } } },
      { a: { b: 'x', c: 'y' } },
      { a: { b: '***', c: 'y' } },
    ],
    ['in items', { properties: { a: { items: mark } } }, { a: ['x', null] }, { a: ['***', null] }],
    [
      'in items that are lists',
      { properties: { a: { items: { items: mark } } } },
      { a: [['x'], []] },
      { a: [['***'], []] },
    ],
    [
      'in one place of a list',
      { properties: { a: { prefixItems: [{}, mark], items: {} } } },
      { a: ['x', 'y', 'z'] },
      { a: ['x', '***', 'z'] },
    ],
    [
      'behind $ref',
      { properties: { 'a/b': { $ref: '#/$defs/m' } }, $defs: { m: mark } },
      { 'a/b': 'x' },
      { 'a/b': '***' },
    ],
    [
      'beside $ref',
      {
        properties: { a: { $ref: '#/$defs/m', 'x-pii': 'mask' } },
        $defs: { m: { type: 'string' } },
      },
      { a: 'x' },
      { a: '***' },
    ],
    [
      'by pattern',
      { patternProperties: { '^e_': mark }, propertyNames: { maxLength: 9 } },
      { e_a: 'x', b: 'y' },
      { e_a: '***', b: 'y' },
    ],
    [
      'in every other member',
      { properties: { a: {} }, additionalProperties: mark },
      { a: 'x', b: 'y' },
      { a: 'x', b: '***' },
    ],
    [
      'in any branch',
      { anyOf: [{ properties: { a: {} } }, { properties: { a: mark } }] },
      { a: 'x' },
      { a: '***' },
    ],
    [
      'under then',
      JSON.parse(`{ "if": {}, "then": ${JSON.stringify({ properties: { a: mark } })} }`),
      { a: 'x' },
      { a: '***' },
    ],
  ])('%s', (_name, schema, sent, kept) => {
    expect(faultsOf(schema)).toEqual([]);
    expect(redact(schema, sent)).toEqual(kept);
  });

  test('in several schemas: the strictest counts', () => {
    const schema = {
      allOf: [
        { properties: { a: { 'x-pii': 'hash' } } },
        { properties: { a: { 'x-pii': 'drop' } } },
      ],
    };
    expect(redact(schema, { a: 'x' })).toEqual({});
  });

  test('in no schema: nothing is changed', () => {
    expect(
      markingOf([{ type: 'object', properties: { 'x-pii': { type: 'string' } } }]),
    ).toBeUndefined();
  });
});

test.each<[JsonObject, string]>([
  [{ properties: { a: { type: 'string', 'x-pii': 'encrypt' } } }, 'not one of drop, mask, hash'],
  [{ 'x-pii': 'drop' }, 'marks the whole event'],
  [
    { properties: { a: { type: 'number', 'x-pii': 'hash' } } },
    'would replace a value that is not a string with a string',
  ],
  [
    { properties: { a: { 'x-pii': 'mask' } } },
    'would replace a value that is not a string with a string',
  ],
  [{ not: { properties: { a: { 'x-pii': 'drop' } } } }, 'reached through one of not'],
  [{ propertyNames: { type: 'string', 'x-pii': 'mask' } }, 'reached through one of'],
  [
    { properties: { a: { contains: { $ref: '#/$defs/m' } } }, $defs: { m: { 'x-pii': 'drop' } } },
    'reached through one of',
  ],
])('%j is refused', (schema, problem) => {
  expect(faultsOf(schema).join()).toContain(problem);
});

test.each<JsonObject>([
  { properties: { a: { type: 'number', 'x-pii': 'drop' } } },
  { properties: { a: { type: ['string', 'null'], 'x-pii': 'hash' } } },
  { properties: { a: { $ref: '#/$defs/m', 'x-pii': 'hash' } }, $defs: { m: { type: 'string' } } },
])('%j is taken', (schema) => {
  expect(faultsOf(schema)).toEqual([]);
});

describe('an event', () => {
  const first: JsonObject = {
    type: 'object',
    properties: { email: { type: 'string' }, total: {} },
  };
  const second: JsonObject = {
    type: 'object',
    properties: {
      email,
      name: { type: 'string', minLength: 5, 'x-pii': 'mask' },
      total: { type: 'number' },
      secret: { 'x-pii': 'drop' },
    },
    required: ['total', 'secret'],
    additionalProperties: false,
  };

  async function validationOf(mode = 'enforce'): Promise<Validation> {
    const folder = schemasFolder({
      'taxonomy.yaml': orderTaxonomy(`, mode: ${mode}`).replace('active: 1', 'active: 2'),
      'order_completed/1.json': first,
      'order_completed/2.json': second,
    });
    return createValidation(await loadRegistry(folder), { hashKey });
  }

  const sent = { email: 'ann@example.com', name: 'Ann Lee', total: 5, secret: 1 };
  const kept = { email: token, name: '***', total: 5 };

  test.each(['enforce', 'warn', 'off'])('is stored without its marked values: %s', async (mode) => {
    const { validate } = await validationOf(mode);
    const { error, event, warnings } = validate(orderCompleted({ properties: sent }));
    expect([error, warnings]).toEqual([undefined, []]);
    expect(event?.properties).toEqual(kept);
  });

  test('of an older version is redacted, too', async () => {
    const { validate } = await validationOf();
    const { event } = validate(orderCompleted({ properties: sent, schemaVersion: 1 }));
    expect(event?.properties).toEqual(kept);
  });

  test('is redacted with violations and with stripped properties', async () => {
    const { validate } = await validationOf('{ wrong_type: warn, additional_property: strip }');
    const broken = { ...sent, total: '5', colour: 'red' };
    const validation = validate(orderCompleted({ properties: broken }));
    expect(validation.warnings.map(({ code }) => code)).toEqual([
      'properties_stripped',
      'schema_violation',
    ]);
    expect(validation.event?.properties).toEqual({ ...kept, total: '5' });
  });

  test('is validated before it is redacted', async () => {
    const { validate } = await validationOf();
    const { error } = validate(orderCompleted({ properties: { ...sent, email: 'nobody' } }));
    expect(error?.violations[0]).toMatchObject({ path: '/properties/email', code: 'format' });
  });

  test('can be sent again in its redacted form', async () => {
    const { validate } = await validationOf();
    const { event } = validate(orderCompleted({ properties: sent }));
    const again = validate(orderCompleted({ properties: event!.properties }));
    expect(again.error).toBeUndefined();
    expect(again.event?.properties).toEqual(event?.properties);
    const other = validate(orderCompleted({ properties: { ...event!.properties, total: 'x' } }));
    expect(other.error?.violations.map(({ path }) => path)).toEqual(['/properties/total']);
  });

  test('keeps the digits of its numbers', async () => {
    const { validate } = await validationOf();
    const propertiesText = '{"total":12345678901234567890.10,"secret":1,"email":"ann@example.com"}';
    const properties = JSON.parse(propertiesText) as JsonObject;
    const { event } = validate(orderCompleted({ properties, propertiesText }));
    expect(event?.propertiesText).toMatch(
      /^\{"total":12345678901234567890\.10,"email":"hmac-sha256:[0-9a-f]{64}"\}$/,
    );
  });

  test('a hash needs a key', async () => {
    const folder = schemasFolder({
      'taxonomy.yaml': orderTaxonomy(),
      'order_completed/1.json': second,
    });
    const registry = await loadRegistry(folder);
    expect(() => createValidation(registry)).toThrow(StartError);
    expect(() => createValidation(registry)).toThrow(/order_completed.*HEADGATE_PII_HASH_KEY/);
  });

  describe('that is rejected', () => {
    const keptOf = async (text: string, fields: object): Promise<unknown> => {
      const { redactRejected } = await validationOf();
      const original = (): Uint8Array => Buffer.from(text);
      const result = redactRejected(orderCompleted({ ...fields, original }));
      return result === undefined ? undefined : JSON.parse(Buffer.from(result.bytes).toString());
    };
    const flat = { event_name: 'order_completed', user_id: 'u', properties: sent, x: 1.5 };

    test('keeps its form as JSON, with its unknown fields', async () => {
      expect(await keptOf(JSON.stringify(flat), {})).toEqual({ ...flat, properties: kept });
    });

    test('is redacted inside a request of the RPC Track', async () => {
      const text = JSON.stringify({ event: flat });
      expect(await keptOf(text, {})).toEqual({ event: { ...flat, properties: kept } });
    });

    test('is redacted in properties_json', async () => {
      const { properties: _, ...rest } = flat;
      const text = JSON.stringify({ ...rest, properties_json: JSON.stringify(sent) });
      const found = (await keptOf(text, {})) as { properties_json: string };
      expect(JSON.parse(found.properties_json)).toEqual(kept);
    });

    test('is redacted in a property misplaced beside properties', async () => {
      const text = JSON.stringify({ ...flat, email: 'ann@example.com', secret: 7 });
      expect(await keptOf(text, {})).toEqual({ ...flat, properties: kept, email: token });
    });

    test('with an unknown name is redacted by the marks of all schemas', async () => {
      const text = JSON.stringify({ ...flat, event_name: 'order_compleded' });
      const found = await keptOf(text, { eventName: 'order_compleded' });
      expect(found).toMatchObject({ event_name: 'order_compleded', properties: kept });
    });

    test('as protocol buffers is kept as JSON in the form of POST /v1/track', async () => {
      const { redactRejected } = await validationOf();
      const original = (): Uint8Array => Buffer.from([0x0a, 3, 0x61, 0x62, 0x63]);
      const result = redactRejected(
        orderCompleted({ original, properties: sent, schemaVersion: 2 }),
      )!;
      expect(result.keepsForm).toBe(false);
      expect(JSON.parse(Buffer.from(result.bytes).toString())).toEqual({
        event_name: 'order_completed',
        user_id: 'u-1',
        idempotency_key: orderCompleted().idempotencyKey,
        properties: kept,
        schema_version: 2,
      });
    });

    test('is kept unchanged if it is not an event', async () => {
      const fault = { code: 'invalid_field', message: 'x', violations: [] };
      const nothing = { eventName: '', userId: '', idempotencyKey: '', properties: {}, fault };
      expect(await keptOf('{"cut":', nothing)).toBeUndefined();
    });

    test('keeps its numbers as they were written', async () => {
      const { redactRejected } = await validationOf();
      const text =
        '{"event_name":"order_completed","properties":{"total":1.50e3,"secret":1},"n":12345678901234567890}';
      const result = redactRejected(orderCompleted({ original: () => Buffer.from(text) }))!;
      expect(Buffer.from(result.bytes).toString()).toBe(text.replace(',"secret":1', ''));
    });
  });

  test('without marked values is kept byte for byte', async () => {
    const folder = schemasFolder({
      'taxonomy.yaml': orderTaxonomy(),
      'order_completed/1.json': first,
    });
    const { redactRejected, validate } = createValidation(await loadRegistry(folder));
    expect(redactRejected(orderCompleted())).toBeUndefined();
    expect(validate(orderCompleted()).event).toBeUndefined();
    expect(validate(orderCompleted())).toBe(validate(orderCompleted()));
  });
});
