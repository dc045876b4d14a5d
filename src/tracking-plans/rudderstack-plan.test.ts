import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';

import type { JsonObject, JsonValue } from '../event/json/json.ts';
import { compileSchema } from '../validation/schema/compile-schema.ts';
import { eventsMax } from '../validation/taxonomy/taxonomy.ts';
import type { LeftBehind } from './imported-plan.ts';
import { planFiles } from './plan-files.ts';
import { readRudderstackPlan } from './rudderstack-plan.ts';
import { apiPlan, firstProject, laterProject } from './rudderstack-plans.fixture.ts';

const calls: Record<string, string> = { identify: 'user_identified', page: 'page_viewed' };

function imported(documents: readonly JsonValue[]) {
  const left: LeftBehind[] = [];
  const plan = readRudderstackPlan(documents, (place, text) => void left.push({ place, text }));
  const naming = {
    nameOf: (call: string, name: string) => calls[call] ?? name.toLowerCase().replaceAll(' ', '_'),
    folderOf: (name: string) => name,
    addedTo: (call: string) => (call === 'page' ? ['name', 'category'] : []),
  };
  const result = planFiles(plan!, naming, left);
  return {
    ...result,
    texts: result.left.map(({ place, text }) => `${place}: ${text}`),
    takes: (name: string, event: JsonObject): boolean => {
      const schema = JSON.parse(result.files.get(`${name}/1.json`)!) as JsonObject;
      return compileSchema(schema).findingsIn(event) === undefined;
    },
  };
}

const yaml = (text: string): JsonValue[] =>
  parseAllDocuments(text).map((document) => document.toJS() as JsonValue);

test('the events of an answer may be its data', () => {
  const events = [{ name: 'Login', eventType: 'track', rules: {} }];
  expect(imported([{ data: events, total: 1 }]).events).toEqual([{ name: 'login', versions: 1 }]);
});

test('what is more than a gate accepts is left out', () => {
  const event = (name: string, rules: JsonObject): JsonObject => ({
    name,
    eventType: 'track',
    rules: { type: 'object', properties: { properties: rules } },
  });
  const count = eventsMax + 1;
  const names = Array.from({ length: count }, (_, index) => `e${String(index).padStart(4, '0')}`);
  const many = imported([{ events: names.map((name) => event(name, {})) }]);
  expect(many.events).toHaveLength(eventsMax);
  expect(many.texts).toContain(`e${eventsMax}: left out: a taxonomy has 2000 events at most`);

  const properties = Object.fromEntries(
    Array.from({ length: 20_000 }, (_, index) => [`property_${index}`, { type: 'string' }]),
  );
  const big = imported([{ events: [event('big', { type: 'object', properties })] }]);
  expect(JSON.parse(big.files.get('big/1.json')!)).toMatchObject({ type: 'object' });
  expect(big.files.get('big/1.json')!.length).toBeLessThan(200);
  expect(big.texts[0]).toContain('big: any properties are allowed: it has more than');
});

describe('the files of a project', () => {
  const plan = imported(Object.values(firstProject).flatMap(yaml));
  const viewed = { sku: 'A-1' };

  test.each<[string, JsonObject, boolean]>([
    ['what it plans', viewed, true],
    [
      'every property',
      { sku: 'A-1', price: null, method: 'card', tags: ['a', 1], maker: { city: 'b' } },
      true,
    ],
    ['a missing property', { price: 1 }, false],
    ['a pattern of a custom type', { sku: 'a1' }, false],
    ['a bound', { ...viewed, price: -1 }, false],
    ['a value outside an enum', { ...viewed, method: 'cash' }, false],
    ['the type of an item', { ...viewed, tags: [true] }, false],
    ['a missing property of a nested object', { ...viewed, maker: {} }, false],
    ['a missing property of a custom type', { ...viewed, size: {} }, false],
    ['a misspelt name', { ...viewed, prise: 1 }, false],
    ['a variant without its property', { ...viewed, method: 'invoice' }, false],
    [
      'a variant with its property',
      { ...viewed, method: 'invoice', iban: 'DE02120300000000' },
      true,
    ],
    ['a variant with a wrong property', { ...viewed, method: 'invoice', iban: 'DE' }, false],
  ])('carries its rules: %s', (_what, event, isTaken) => {
    expect(plan.takes('product_viewed', event)).toBe(isTaken);
  });

  test('gives calls without a name the name of the gate', () => {
    expect(plan.events.map(({ name }) => name)).toEqual([
      'page_viewed',
      'product_viewed',
      'user_identified',
    ]);
    expect(plan.takes('user_identified', { email: 'a@example.com', more: 1 })).toBe(true);
    expect(plan.takes('user_identified', { email: 'a' })).toBe(false);
    expect(plan.takes('page_viewed', { sku: 'A-1', name: 'Home', category: 'x' })).toBe(true);
    expect(plan.takes('page_viewed', { sku: 'A-1', title: 'Home' })).toBe(false);
    const taxonomy = plan.files.get('taxonomy.yaml');
    expect(taxonomy).toContain('  # category: Browsing\n  product_viewed:');
    expect(taxonomy).toContain('description: A product was opened.');
  });

  test('lists everything that it could not carry over', () => {
    expect(plan.texts).toEqual([
      'identify: does not say whether it may have other properties: it may',
      'page: names the property #/properties/shop/none, which is not in these files',
      'gone: names the event #/events/shop/gone, which is not in these files',
    ]);
  });
});

test('the later form of the files', () => {
  const plan = imported(yaml(laterProject));
  expect(plan.texts).toEqual([]);
  expect(plan.takes('product_viewed', { sku: 'abc', amounts: [1.5], either: null })).toBe(true);
  expect(plan.takes('product_viewed', { sku: 'ab' })).toBe(false);
  expect(plan.takes('product_viewed', { sku: 'abc', amounts: ['1'] })).toBe(false);
  expect(plan.takes('product_viewed', { sku: 'abc', either: 1 })).toBe(false);
  expect(plan.takes('product_viewed', { sku: 'abc', more: 1 })).toBe(false);
});

test('the answer of the API', () => {
  const plan = imported([apiPlan as unknown as JsonValue]);
  expect(plan.texts).toEqual(['Old: events of type alias cannot be carried over']);
  expect(plan.takes('product_viewed', { amount: 1 })).toBe(true);
  expect(plan.takes('product_viewed', { amount: 'x' })).toBe(false);
  expect(plan.takes('product_added', { amount: 'x', details: { id: 'a' } })).toBe(true);
  expect(plan.takes('product_added', { amount: 1, details: { id: '' } })).toBe(false);
  expect(plan.takes('product_added', { amount: 1, details: { id: 'a', more: 1 } })).toBe(false);
  expect(plan.takes('user_identified', { email: 'a' })).toBe(true);
  expect(plan.takes('user_identified', {})).toBe(false);
});

test('custom types that lead back to themselves end', () => {
  const plan = imported(
    yaml(`
kind: events
metadata: { name: a }
spec: { events: [{ id: e, name: "Tree Grown", event_type: track }] }
---
kind: properties
metadata: { name: a }
spec: { properties: [{ id: p, name: "p", type: "#/custom-types/a/t" }] }
---
kind: custom-types
metadata: { name: a }
spec: { types: [{ id: t, name: "T", type: object, properties: [{ $ref: "#/properties/a/p" }] }] }
---
kind: tp
spec:
  rules: [{ event: { $ref: "#/events/a/e", allow_unplanned: true }, properties: [{ $ref: "#/properties/a/p" }] }]
`),
  );
  expect(plan.takes('tree_grown', { p: { p: {} } })).toBe(true);
  expect(plan.takes('tree_grown', { p: { p: 1 } })).toBe(false);
  expect(plan.texts.length).toBeGreaterThan(0);
});

test.each([[[]], [[null]], [[{}]], [[{ kind: 'events' }]]])('%j is no plan', (documents) => {
  expect(readRudderstackPlan(documents as JsonValue[], () => {})).toBeUndefined();
});
