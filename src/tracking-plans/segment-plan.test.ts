import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import type { JsonObject, JsonValue } from '../event/json/json.ts';
import { compileSchema } from '../validation/schema/compile-schema.ts';
import type { LeftBehind } from './imported-plan.ts';
import { planFiles, type PlanNaming } from './plan-files.ts';
import { readSegmentPages, readSegmentPlan } from './segment-plan.ts';
import { configApiPlan, publicApiPlan } from './segment-plans.fixture.ts';

const calls: Record<string, string> = { identify: 'user_identified', group: 'group_joined' };
export const naming: PlanNaming = {
  nameOf: (call, name) => calls[call] ?? name.toLowerCase().replaceAll(' ', '_'),
  folderOf: (name) => name,
  addedTo: (call) => (call === 'group' ? ['group_id'] : []),
};

function imported(value: JsonValue) {
  const left: LeftBehind[] = [];
  const plan = readSegmentPlan(value, (place, text) => void left.push({ place, text }));
  const result = planFiles(plan!, naming, left);
  const schema = (file: string): JsonObject => JSON.parse(result.files.get(file)!);
  return { ...result, schema, texts: result.left.map(({ place, text }) => `${place}: ${text}`) };
}

describe('a plan of the Public API', () => {
  const plan = imported(publicApiPlan);
  const order = plan.schema('order_completed/1.json');
  const good = { order_id: 'a', total: 1, app_version: '2' };
  const takes = (schema: JsonObject, event: JsonObject): boolean =>
    compileSchema(schema).findingsIn(event) === undefined;

  test('gives an event for each rule, and a version for each of its versions', () => {
    expect(plan.events).toEqual([
      { name: 'group_joined', versions: 1 },
      { name: 'invite_sent', versions: 1 },
      { name: 'order_completed', versions: 2 },
      { name: 'user_identified', versions: 1 },
    ]);
    const taxonomy = parse(plan.files.get('taxonomy.yaml')!);
    expect(taxonomy).toMatchObject({ unplanned: 'warn' });
    expect(taxonomy.events.order_completed).toEqual({
      owner: 'checkout',
      description: 'An order was paid.',
      active: 2,
      mode: 'warn',
      compatibility: 'backward',
    });
    expect(plan.schema('order_completed/2.json')['properties']).toHaveProperty('channel');
  });

  test.each<[string, JsonObject, boolean]>([
    ['what it plans', good, true],
    ['a missing property', { total: 1, app_version: '2' }, false],
    ['a missing property of the common rules', { order_id: 'a', total: 1 }, false],
    ['a value outside an enum', { ...good, currency: 'CHF' }, false],
    ['a wrong type', { ...good, total: 'x' }, false],
    ['null where it may be', { ...good, coupon: null, currency: 'EUR' }, true],
    ['a missing dependency', { ...good, coupon: 'x' }, false],
    ['a broken pattern', { ...good, code: 'de-1' }, false],
    ['a wrong format', { ...good, email: 'x' }, false],
    ['a nested type', { ...good, products: [{ sku: 1 }] }, false],
    ['a tuple', { ...good, pair: ['a', 1] }, true],
    ['a tuple that is too long', { ...good, pair: ['a', 1, 2] }, false],
    ['behind a reference', { ...good, address: { city: 1 } }, false],
    ['properties beyond the plan', { ...good, more: 1 }, true],
  ])('carries its rules: %s', (_what, event, isTaken) => {
    expect(takes(order, event)).toBe(isTaken);
  });

  test('knows the property that the gate adds to a call', () => {
    const group = plan.schema('group_joined/1.json');
    expect(takes(group, { plan: 'a', group_id: 'g' })).toBe(true);
    expect(takes(group, { plan: 'a', seats: 1 })).toBe(false);
  });

  test('lists everything that it could not carry over', () => {
    expect(plan.texts).toEqual([
      'ALIAS: rules of type ALIAS cannot be carried over',
      'Order Completed: rules about context cannot be carried over: contracts are about properties',
      'Order Completed: requires userId, which are not properties',
      'Order Completed: requires userId, which are not properties',
      'common rules: rules about context cannot be carried over: contracts are about properties',
      'order_completed: has the versions 1, 3 in the plan; here they are 1 to 2',
      'order_completed: version 2 is active: senders name no version',
      'Order Completed link: the format "idn-hostname" is not checked by a gate',
      'Order Completed products: uniqueItems without a maxItems of at most 1000',
      'Order Completed three: rules for items by their position, without minItems: 3 and no more items',
      'Order Completed link: the format "idn-hostname" is not checked by a gate',
      'Order Completed products: uniqueItems without a maxItems of at most 1000',
      'Order Completed three: rules for items by their position, without minItems: 3 and no more items',
    ]);
  });
});

test('a plan of the Config API', () => {
  const { events, schema, texts } = imported(configApiPlan);
  expect(events.map(({ name }) => name)).toEqual([
    'cart_viewed',
    'group_joined',
    'user_identified',
  ]);
  expect(schema('cart_viewed/1.json')).toMatchObject({
    properties: { cart_id: { type: 'string' } },
    required: ['cart_id'],
  });
  expect(schema('user_identified/1.json')).toMatchObject({
    properties: { email: { type: 'string', description: 'Of the person.' } },
    required: ['email'],
  });
  expect(schema('group_joined/1.json')).toMatchObject({
    properties: { seats: { type: 'integer' } },
  });
  expect(texts).toEqual([]);
});

test.each([null, 1, 'x', {}, { rules: 1 }, { data: {} }])('%j is no plan', (value) => {
  expect(readSegmentPlan(value as JsonValue, () => {})).toBeUndefined();
});

test('what a gate would refuse is left out, and reported', () => {
  const hostile: JsonObject = {
    type: 'object',
    properties: {
      evil: { type: 'string', pattern: '(a+)+$' },
      constructor: { type: 'string' } as unknown as JsonValue,
      loop: { $ref: '#/definitions/loop' },
      away: { $ref: 'https://example.com/schema' },
      many: { enum: [2 ** 60] },
      odd: { type: 'uuid', faker: 'name' },
      typeless: { minLength: 2 },
      broken: 7,
    },
    required: ['constructor', 'evil'],
    patternProperties: { '(b*)*c': {}, '^x_': { type: 'number' } },
  };
  const plan = {
    rules: [
      {
        type: 'TRACK',
        key: 'Order Completed',
        jsonSchema: {
          properties: { properties: hostile },
          definitions: {
            loop: { type: 'object', properties: { in: { $ref: '#/definitions/loop' } } },
          },
        },
      },
    ],
  };
  const { schema, texts } = imported(plan as unknown as JsonValue);
  expect(schema('order_completed/1.json')).toEqual({
    type: 'object',
    properties: {
      evil: { type: 'string' },
      loop: { type: 'object', properties: { in: {} } },
      away: {},
      many: {},
      odd: {},
      typeless: { type: 'string', minLength: 2 },
      broken: {},
    },
    required: ['evil'],
    patternProperties: { '^x_': { type: 'number' } },
    propertyNames: { maxLength: 1024 },
  });
  expect(texts).toHaveLength(10);
});

describe('a plan in pages', () => {
  const rule = (key: string): JsonObject => ({
    type: 'TRACK',
    key,
    version: 1,
    jsonSchema: { type: 'object', properties: {} },
  });
  const page = (key: string, next: string | null): JsonValue => ({
    data: { rules: [rule(key)], pagination: { next } },
  });
  const read = (...pages: JsonValue[]) => {
    const left: string[] = [];
    const plan = readSegmentPages(pages, (place) => void left.push(place));
    return { names: plan?.events.map(({ name }) => name), left };
  };

  test('has the rules of all pages', () => {
    expect(read(page('One Done', 'x'), page('Two Done', null))).toEqual({
      names: ['One Done', 'Two Done'],
      left: [],
    });
  });

  test('reports it if the last page is missing', () => {
    expect(read(page('One Done', 'x'))).toEqual({ names: ['One Done'], left: ['pagination'] });
    expect(read(page('One Done', 'x'), page('Two Done', 'y')).left).toEqual(['pagination']);
  });

  test('is refused if a page has no rules', () => {
    expect(read(page('One Done', 'x'), {}).names).toBeUndefined();
  });
});
