import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { JsonObject, JsonValue } from '../../event/json/json.ts';
import { compatibilityFindings } from '../../validation/compatibility/compatibility.ts';
import { compileSchema } from '../../validation/schema/compile-schema.ts';
import type { PlannedEvent } from '../../validation/schema-registry.ts';
import { inferSchema } from '../infer-schema.ts';
import { addValue, emptySketch, placesMax } from '../sketch.ts';
import { createFailures } from './failures.ts';
import { updateEvent, type EventUpdate } from './update-event.ts';

const choices = { samplesMin: 3, personal: undefined };

function planned(schema: JsonObject, fields: Partial<PlannedEvent> = {}): PlannedEvent {
  return {
    name: 'order_completed',
    owner: 'x',
    description: 'x',
    active: 1,
    mode: 'enforce',
    compatibility: 'backward',
    superseded: new Map(),
    deprecated: [],
    versions: [{ version: 1, schema, ...compileSchema(schema) }],
    ...fields,
  };
}

function sketchOf(events: readonly JsonObject[]) {
  const sketch = emptySketch();
  const budget = { left: placesMax };
  for (const event of events) addValue(sketch, event, budget);
  return sketch;
}

function update(event: PlannedEvent, events: readonly JsonObject[]): EventUpdate {
  const failures = createFailures();
  for (const each of events) {
    const findings = event.versions[0]!.findingsIn(each);
    if (findings !== undefined) failures.add(findings, each);
  }
  return updateEvent(event, sketchOf(events), failures.list(), choices);
}

const base: JsonObject = {
  type: 'object',
  title: 'kept',
  properties: {
    id: { type: 'string', description: 'kept too', maxLength: 4, pattern: '^[a-z]*$' },
    plan: { enum: ['free', 'team'] },
    kind: { const: 'a' },
    count: { type: 'integer', minimum: 1, maximum: 5 },
    items: {
      type: 'array',
      maxItems: 2,
      items: { $ref: '#/$defs/item' },
    },
  },
  $defs: {
    item: {
      type: 'object',
      properties: { sku: { type: 'string' } },
      required: ['sku'],
      additionalProperties: false,
    },
  },
  required: ['id', 'plan'],
  additionalProperties: false,
};
const good: JsonObject = { id: 'a', plan: 'free' };

describe('an update', () => {
  test.each<[string, JsonObject, string, string]>([
    ['a type', { ...good, count: 'x' }, 'count', 'may be string too'],
    ['a fraction', { ...good, count: 1.5 }, 'count', 'may be number too'],
    ['null', { ...good, count: null }, 'count', 'may be null too'],
    ['a choice', { ...good, plan: 'gold' }, 'plan', 'may be "gold" too'],
    ['a constant', { ...good, kind: 'b' }, 'kind', 'may be "b" too'],
    ['a bound', { ...good, count: 9 }, 'count', 'its maximum is dropped: 1 did not meet it'],
    ['a pattern', { ...good, id: 'A' }, 'id', 'its pattern is dropped: 1 did not meet it'],
    ['a length', { ...good, id: 'abcdef' }, 'id', 'maxLength is 64 now'],
    [
      'a length that its pattern bounds',
      { ...good, id: 'a'.repeat(900) },
      'id',
      'maxLength is 1024 now',
    ],
    ['a missing property', { id: 'a' }, '', 'plan may be missing'],
    ['a new property', { ...good, tax: 1 }, '', 'may have tax'],
    [
      'more items',
      { ...good, items: [{ sku: 'a' }, { sku: 'b' }, { sku: 'c' }] },
      'items',
      'maxItems is 16 now',
    ],
    ['inside of a $ref', { ...good, items: [{ sku: 1 }] }, 'items[].sku', 'may be integer too'],
    [
      'a new property of an item',
      { ...good, items: [{ sku: 'a', size: 1 }] },
      'items[]',
      'may have size',
    ],
  ])('takes %s', (_what, event, path, text) => {
    const { version, changes, doubts, text: written } = update(planned(base), [event, good]);
    expect([version, changes]).toEqual([2, [{ path, text }]]);
    expect(doubts.filter((doubt) => doubt.text.includes('break'))).toEqual([]);
    const schema = JSON.parse(written) as JsonObject;
    expect(compileSchema(schema).findingsIn(event)).toBeUndefined();
    expect(written).toContain('"kept too"');
    const findings = compatibilityFindings({ version: 1, schema: base }, { version: 2, schema });
    expect(findings.filter(({ breaks }) => breaks.includes('producers'))).toEqual([]);
  });

  test.each(['404', '0', '[]', 'a/b', 'a~1'])('takes a member named %s for a member', (name) => {
    const member = {
      type: 'object',
      properties: { n: { type: 'string' } },
      additionalProperties: false,
    };
    const event = planned({ type: 'object', properties: { [name]: member } });
    const { changes, text } = update(event, [{ [name]: { n: 'x', more: true } }]);
    expect(changes).toEqual([{ path: name, text: 'may have more' }]);
    expect(compileSchema(JSON.parse(text)).findingsIn({ [name]: { more: true } })).toBeUndefined();
  });

  test('writes nothing if everything is taken', () => {
    expect(update(planned(base), [good])).toMatchObject({ version: undefined, doubts: [] });
  });

  test.each<[string, JsonObject]>([
    ['anyOf', { anyOf: [{ type: 'string' }, { type: 'null' }] }],
    ['oneOf', { oneOf: [{ type: 'string' }, { type: 'null' }] }],
    ['not', { not: { type: 'integer' } }],
  ])('leaves %s to a person', (keyword, rule) => {
    const event = planned({ type: 'object', properties: { a: rule } });
    expect(update(event, [{ a: 1 }])).toMatchObject({
      version: undefined,
      doubts: [{ path: 'a', text: `1 break its ${keyword}, which a person has to change` }],
    });
  });

  test('does what the compatibility of the event allows', () => {
    const event = planned(base, { compatibility: 'compatible' });
    const { version, doubts } = update(event, [{ ...good, plan: 'gold' }]);
    expect(version).toBeUndefined();
    expect(doubts[0]!.text).toContain('not changed, compatibility is compatible');
    expect(update(event, [{ ...good, tax: 1 }])).toMatchObject({ version: 2 });
  });

  test('does not go on from a version that is not active yet', () => {
    const second = { version: 2, schema: base, ...compileSchema(base) };
    const event = planned(base);
    const next = { ...event, versions: [...event.versions, second] };
    expect(update(next, [{ id: 'a' }])).toMatchObject({
      version: undefined,
      doubts: [{ text: expect.stringContaining('version 2 is not active yet') }],
    });
  });

  test('learns nothing from what is stored in place of personal data', () => {
    const schema = {
      type: 'object',
      properties: {
        email: { type: 'string', format: 'email', maxLength: 20, 'x-pii': 'hash' },
        card: { type: 'string', 'x-pii': 'drop' },
      },
      required: ['email', 'card'],
      additionalProperties: false,
    };
    const events = [{ email: `hmac-sha256:${'0'.repeat(64)}` }];
    expect(update(planned(schema), events)).toMatchObject({ version: undefined, doubts: [] });
  });

  test('never narrows, and takes what came: whatever came before and after', () => {
    const values = fc.oneof(
      fc.constantFrom<JsonValue>(null, true, 0, -3, 2.5, 'a', 'b', 'x@example.com', '2026-01-01'),
      fc.array(fc.constantFrom<JsonValue>(1, 'a', { k: 1 }, { k: 'z', l: [1] }), { maxLength: 3 }),
      fc.record(
        { n: fc.constantFrom<JsonValue>(1, 'x', null), m: fc.boolean() },
        { requiredKeys: [] },
      ),
    );
    const events = fc.array(
      fc.dictionary(fc.constantFrom('a', 'b', 'c'), values as fc.Arbitrary<JsonValue>),
      { minLength: 1, maxLength: 8 },
    ) as fc.Arbitrary<JsonObject[]>;
    fc.assert(
      fc.property(events, events, (first, second) => {
        const { schema } = inferSchema(sketchOf(first), choices);
        const { version, text, doubts } = update(planned(schema), second);
        expect(doubts.filter((doubt) => /person|not changed/.test(doubt.text))).toEqual([]);
        const wide = compileSchema(version === undefined ? schema : JSON.parse(text));
        expect([...first, ...second].filter((event) => wide.findingsIn(event))).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });
});
