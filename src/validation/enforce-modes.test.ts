import { describe, expect, test } from 'vitest';

import { orderCompleted, validationOf } from './schemas-folder.fixture.ts';
import type { JsonObject } from '../event/json/json.ts';
import type { ValidationResult } from './validation.ts';

const order: JsonObject = {
  type: 'object',
  properties: {
    order_id: { type: 'string' },
    total: { type: 'number', minimum: 0 },
    lines: {
      type: 'array',
      items: { type: 'object', properties: { sku: {} }, additionalProperties: false },
    },
  },
  required: ['order_id'],
  additionalProperties: false,
};

async function validate(
  mode: string,
  properties: JsonObject,
  schema = order,
  propertiesText?: string,
): Promise<ValidationResult> {
  const validation = await validationOf(schema, `, mode: ${mode}`);
  return validation.validate(orderCompleted({ properties, propertiesText }));
}

const codes = ({ warnings }: ValidationResult): string[] => warnings.map(({ code }) => code);

describe('each kind of violation has its own mode', () => {
  const broken: [kind: string, properties: JsonObject][] = [
    ['missing_required', {}],
    ['wrong_type', { order_id: 7 }],
    ['additional_property', { order_id: 'A', colour: 'red' }],
    ['advanced_rule', { order_id: 'A', total: -1 }],
  ];

  test.each(broken)('%s: reject', async (kind, properties) => {
    const others = broken.map(([each]) => each).filter((each) => each !== kind);
    const mode = `{ ${others.map((each) => `${each}: allow`).join(', ')} }`;
    const { error, event } = await validate(mode, properties);
    expect(error?.code).toBe('schema_violation');
    expect(error?.violations.map((violation) => violation.kind)).toEqual([kind]);
    expect(event).toBeUndefined();
  });

  test.each(broken)('%s: quarantine', async (kind, properties) => {
    const { error, warnings } = await validate(`{ ${kind}: quarantine }`, properties);
    expect(error?.code).toBe('quarantined');
    expect(error?.message).toContain('need not be sent again');
    expect(error?.violations.map((violation) => violation.kind)).toEqual([kind]);
    expect(warnings).toEqual([]);
  });

  test.each(broken)('%s: warn', async (kind, properties) => {
    const validation = await validate(`{ ${kind}: warn }`, properties);
    expect(validation).toMatchObject({ error: undefined, schemaVersion: 1, event: undefined });
    expect(codes(validation)).toEqual(['schema_violation']);
    expect(validation.warnings[0]?.violations[0]?.kind).toBe(kind);
  });

  test.each(broken)('%s: allow', async (kind, properties) => {
    const { error, warnings, event } = await validate(`{ ${kind}: allow }`, properties);
    expect([error, warnings, event]).toEqual([undefined, [], undefined]);
  });
});

describe('with several violations', () => {
  const both = { order_id: 'A', total: -1, colour: 'red' };

  test.each([
    ['{ additional_property: warn, advanced_rule: quarantine }', 'quarantined'],
    ['{ additional_property: quarantine, advanced_rule: reject }', 'schema_violation'],
    ['{ additional_property: strip, advanced_rule: reject }', 'schema_violation'],
    ['{ additional_property: warn, advanced_rule: allow }', undefined],
  ])('the strictest counts: %s', async (mode, code) => {
    expect((await validate(mode, both)).error?.code).toBe(code);
  });

  test('does not report an allowed violation', async () => {
    const { error } = await validate('{ additional_property: allow }', both);
    expect(error?.violations.map(({ path }) => path)).toEqual(['/properties/total']);
    const warned = await validate('{ additional_property: warn, advanced_rule: allow }', both);
    expect(warned.warnings[0]?.violations.map(({ path }) => path)).toEqual(['/properties/colour']);
  });

  test('applies the strictest mode to an event too large to list all violations', async () => {
    const many = Object.fromEntries(Array.from({ length: 5001 }, (_, index) => [`k${index}`, 1]));
    const properties = { order_id: 'A', ...many };
    const { error } = await validate('{ additional_property: strip }', properties);
    expect(error?.code).toBe('schema_violation');
    expect((await validate('warn', properties)).error).toBeUndefined();
  });
});

describe('strip', () => {
  const mode = '{ additional_property: strip }';

  test('removes unknown properties at any depth, and warns', async () => {
    const lines = [{ sku: 'a', price: 1 }, { sku: 'b' }, { 'x/~y': 1, sku: 'c' }];
    const sent = { order_id: 'A', lines, colour: 'red' };
    const copy = structuredClone(sent);
    const validation = await validate(mode, sent);
    expect(validation.error).toBeUndefined();
    expect(validation.event?.properties).toEqual({
      order_id: 'A',
      lines: [{ sku: 'a' }, { sku: 'b' }, { sku: 'c' }],
    });
    expect(sent).toEqual(copy);
    expect(codes(validation)).toEqual(['properties_stripped']);
    expect(validation.warnings[0]?.violations.map(({ path }) => path).sort()).toEqual([
      '/properties/colour',
      '/properties/lines/0/price',
      '/properties/lines/2/x~1~0y',
    ]);
    expect(validation.warnings[0]?.violations[0]?.message).toMatch(/: removed$/);
  });

  test('keeps the digits of every other number', async () => {
    const text = '{"order_id":"A","total":12345678901234567890.50,"colour":1.0}';
    const { event } = await validate(mode, JSON.parse(text) as JsonObject, order, text);
    expect(event?.propertiesText).toBe('{"order_id":"A","total":12345678901234567890.50}');
    expect(event?.properties).toEqual({ order_id: 'A', total: Number('12345678901234567890.50') });
  });

  test('removes and keeps __proto__ like any other property', async () => {
    const text = '{"order_id":"A","__proto__":{"x":1}}';
    const stripped = await validate(mode, JSON.parse(text) as JsonObject, order, text);
    expect(stripped.event?.propertiesText).toBe('{"order_id":"A"}');
    const open = { ...order, patternProperties: { '^__': {} }, propertyNames: { maxLength: 20 } };
    const kept = await validate(
      mode,
      JSON.parse(`${text.slice(0, -1)},"a":1}`) as JsonObject,
      open,
    );
    expect(JSON.stringify(kept.event?.properties)).toBe(text);
  });

  test('validates the remaining properties again', async () => {
    const schema = { ...order, minProperties: 2 };
    const { error } = await validate(mode, { order_id: 'A', colour: 'red' }, schema);
    expect(error?.violations.map(({ code }) => code)).toEqual(['minProperties']);
  });

  test('warns about the remaining properties, too', async () => {
    const both = '{ additional_property: strip, advanced_rule: warn }';
    const validation = await validate(both, { order_id: 'A', total: -1, colour: 'red' });
    expect(codes(validation)).toEqual(['properties_stripped', 'schema_violation']);
    expect(validation.event?.properties).toEqual({ order_id: 'A', total: -1 });
  });

  test('keeps a property that another branch of the schema requires', async () => {
    const branch = (name: string): JsonObject => ({
      type: 'object',
      properties: { [name]: {} },
      additionalProperties: false,
    });
    const inline = { type: 'object', anyOf: [branch('a'), branch('b')] };
    const referred = {
      type: 'object',
      anyOf: [{ $ref: '#/$defs/a' }, { $ref: '#/$defs/b' }],
      $defs: { a: branch('a'), b: branch('b') },
    };
    for (const schema of [inline, referred]) {
      const { error } = await validate(mode, { a: 1, x: 2 }, schema);
      expect(error?.code).toBe('schema_violation');
      expect(new Set(error?.violations.map(({ kind }) => kind))).toEqual(
        new Set(['advanced_rule']),
      );
    }
  });

  test('strips through $ref and allOf, where the rule applies in every case', async () => {
    const schema: JsonObject = {
      type: 'object',
      properties: { order_id: {}, money: { $ref: '#/$defs/money' } },
      allOf: [{ properties: { money: { type: 'object' } } }],
      unevaluatedProperties: false,
      $defs: {
        money: { type: 'object', properties: { amount: {} }, additionalProperties: false },
      },
    };
    const { event } = await validate(
      mode,
      { order_id: 1, money: { amount: 1, x: 1 }, y: 1 },
      schema,
    );
    expect(event?.properties).toEqual({ order_id: 1, money: { amount: 1 } });
  });
});

test('an unplanned event may be quarantined or allowed', async () => {
  const unplanned = async (mode: string): Promise<ValidationResult> =>
    (await validationOf(order, '', mode)).validate(
      orderCompleted({ eventName: 'orders_completed' }),
    );
  const { error } = await unplanned('quarantine');
  expect(error?.code).toBe('quarantined');
  expect(error?.violations).toEqual([
    {
      path: '/event_name',
      code: 'unplanned_event',
      message: 'is not the name of a planned event',
      kind: 'unplanned_event',
      suggestion: 'order_completed',
    },
  ]);
  expect(await unplanned('allow')).toMatchObject({ error: undefined, warnings: [] });
});
