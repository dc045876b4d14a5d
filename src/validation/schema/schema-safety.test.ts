import { describe, expect, test } from 'vitest';

import { patternDanger } from './pattern-safety.ts';
import { checkSchemaSafety } from './schema-safety.ts';
import { readRegistry } from '../schema-registry.ts';
import { orderTaxonomy, schemasFolder } from '../schemas-folder.fixture.ts';
import type { JsonObject, JsonValue } from '../../event/json/json.ts';

function problemsOf(schema: JsonValue): string[] {
  const problems: string[] = [];
  const safe = checkSchemaSafety(schema, (problem) => void problems.push(problem));
  expect(safe).toBe(problems.length === 0);
  return problems;
}

const field = (schema: JsonObject): JsonObject => ({
  type: 'object',
  properties: { field: schema },
});
const text = { type: 'string', maxLength: 64 };
const many = (count: number): JsonObject[] => Array.from({ length: count }, () => ({ ...text }));
const nested = (levels: number): JsonObject =>
  levels === 0 ? { type: 'object' } : { type: 'object', properties: { a: nested(levels - 1) } };

function nestedText(levels: number): JsonValue {
  return JSON.parse(`${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`);
}

async function faultsOf(content: JsonValue): Promise<string[]> {
  const files = { 'taxonomy.yaml': orderTaxonomy(), 'order_completed/1.json': content };
  const { faults } = await readRegistry(schemasFolder(files));
  return faults.map(({ file, problem }) => `${file}: ${problem}`);
}

function doubling(levels: number): JsonObject {
  const $defs: JsonObject = { d0: { type: 'object' } };
  for (let level = 1; level <= levels; level++) {
    const $ref = `#/$defs/d${level - 1}`;
    $defs[`d${level}`] = { anyOf: [{ $ref }, { $ref }] };
  }
  return { type: 'object', $defs, properties: { a: { $ref: `#/$defs/d${levels}` } } };
}

function chain(levels: number): JsonObject {
  const $defs: JsonObject = {};
  for (let level = 0; level < levels; level++) {
    $defs[`d${level}`] = { $ref: `#/$defs/d${level + 1}` };
  }
  $defs[`d${levels}`] = { type: 'object' };
  return { type: 'object', properties: { a: { $ref: '#/$defs/d0' } }, $defs };
}

describe('a schema is refused, with the reason,', () => {
  const self = { type: 'object', properties: { next: { $ref: '#' } } };
  const tree = {
    type: 'object',
    $defs: { node: { type: 'array', items: { $ref: '#/$defs/node' } } },
    properties: { tree: { $ref: '#/$defs/node' } },
  };
  const example = { type: 'string', pattern: '(a+)+$' };
  test.each<[string, JsonValue, string]>([
    ['not an object', [], 'it is not an object'],
    ['type array', { type: 'array' }, '/type is not "object"'],
    ['no type', {}, '/type is not "object"'],
    ['draft 7', { type: 'object', $schema: 'http://json-schema.org/draft-07/schema#' }, '/$schema'],
    ['pattern, no bound', field({ type: 'string', pattern: '^a$' }), '/pattern has no maxLength'],
    ['pattern, wide bound', field({ ...text, maxLength: 1025, pattern: '^a$' }), 'at most 1024'],
    ['nested repeat', field({ ...text, pattern: '^(a+)+$' }), 'repeat inside of a repeat'],
    ['format, no bound', field({ type: 'string', format: 'uri' }), '/format has no maxLength'],
    ['format, wide bound', field({ ...text, maxLength: 2049, format: 'uri' }), 'at most 2048'],
    ['format, unchecked', field({ ...text, format: 'regex' }), 'is not a supported format'],
    [
      'patternProperties, no bound',
      field({ type: 'object', patternProperties: { '^a$': {} } }),
      '/patternProperties has no propertyNames',
    ],
    [
      'patternProperties, slow',
      field({ propertyNames: { maxLength: 9 }, patternProperties: { '(a|a)*$': {} } }),
      'many ways',
    ],
    ['remote $ref', field({ $ref: 'https://example.com/a.json' }), '/$ref points outside the file'],
    ['file $ref', field({ $ref: 'other.json#/$defs/a' }), '/$ref points outside the file'],
    ['lost $ref', field({ $ref: '#/$defs/none' }), '/$ref does not point to a schema'],
    [
      '$ref to no schema',
      { ...field({ $ref: '#/examples/0' }), examples: [example] },
      'does not point to a schema',
    ],
    ['$ref to the whole', self, '/properties/next/$ref refers back to itself'],
    ['$ref to itself', tree, '/$defs/node/items/$ref refers back to itself'],
    ['doubling $refs', doubling(14), 'multiply into'],
    ['a long chain of $refs', chain(150), 'levels deep'],
    ['$dynamicRef', field({ $dynamicRef: '#a' }), '/$dynamicRef is refused'],
    ['$async', { type: 'object', $async: true }, '/$async is refused'],
    ['inner $id', field({ ...text, $id: 'https://a.example' }), '/$id is refused'],
    ['anyOf', field({ anyOf: many(33) }), '/anyOf has 33 branches'],
    ['oneOf', field({ oneOf: many(33) }), '/oneOf has 33 branches'],
    ['allOf', field({ allOf: many(33) }), '/allOf has 33 branches'],
    ['uniqueItems', field({ type: 'array', uniqueItems: true }), '/uniqueItems has no maxItems'],
    ['depth', nested(20), 'nested deeper than 40 levels'],
    ['great depth', nestedText(20_000), 'nested deeper than 40 levels'],
    ['an inherited name', { type: 'object', required: ['toString'] }, 'the property toString'],
    [
      'a typing error in required',
      { type: 'object', properties: { a: {} }, required: ['b'], additionalProperties: false },
      '/required names b',
    ],
  ])('%s', (_, schema, reason) => {
    expect(problemsOf(schema).join('\n')).toContain(reason);
  });

  test('for a fault anywhere in it', () => {
    const bad = { type: 'string', pattern: '^a$' };
    const places: JsonObject[] = [
      { items: bad },
      { prefixItems: [bad] },
      { contains: bad },
      { not: bad },
      { if: bad },
      { ['then' as string]: bad },
      { else: bad },
      { additionalProperties: bad },
      { propertyNames: bad },
      { dependentSchemas: { a: bad } },
      { $defs: { a: bad } },
      { unevaluatedProperties: bad },
      { allOf: [bad] },
      { anyOf: [bad] },
      { oneOf: [bad] },
    ];
    for (const place of places) expect(problemsOf({ type: 'object', ...place })).toHaveLength(1);
  });
});

test('accepts a schema within the limits', () => {
  expect(problemsOf(field({ ...text, pattern: '^[a-z]+(-[a-z]+)*$' }))).toEqual([]);
  expect(problemsOf(field({ anyOf: many(32) }))).toEqual([]);
  expect(problemsOf(field({ type: 'array', uniqueItems: true, maxItems: 1000 }))).toEqual([]);
  expect(problemsOf(field({ type: 'integer', format: 'int32' }))).toEqual([]);
  expect(problemsOf(nested(19))).toEqual([]);
  expect(problemsOf(doubling(9))).toEqual([]);
  expect(problemsOf({ ...field({ enum: [{ pattern: '(a+)+' }] }) })).toEqual([]);
});

describe('pattern', () => {
  test.each([
    '^(a+)+$',
    '^(a|a)*$',
    '^(a*)*$',
    '^(\\w+\\s?)*$',
    '(x+x+)+y',
    '^([a-z]{1,9}){2,9}$',
    '^a*a*a*$',
    'a*b?a*$',
    '^.*a.*b.*$',
    '^(a?){20}a{20}$',
    '^a?a?a?a?a?a?a?a?a?$',
    '^(?=a)a$',
    '^(a)\\1$',
    '^(?<x>a)\\k<x>$',
    'a{1,300}b{1,300}[ab]{9,}[^c]*',
    '(',
    '[',
    'a'.repeat(201),
  ])('%j is refused', (pattern) => expect(patternDanger(pattern)).toBeTypeOf('string'));

  test.each([
    '^[A-Z]{3}$',
    '^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$',
    '^[^@\\s]+@[^@\\s]+$',
    '^\\+[1-9]\\d{1,14}$',
    '^(\\d{1,3}\\.){3}\\d{1,3}$',
    '^https://[^/]+(/[^/]*)*$',
    '^(?<year>\\d{4})-(\\d{2})$',
    'foo',
    '[a-z]+',
    '^(a|ab)*$',
    '^\\p{L}+$',
    '^\\u{1F600}$',
    '^[\\]\\-a]+\\/x$',
    '^(a|b)?$',
    '^a|b$',
  ])('%j is taken', (pattern) => expect(patternDanger(pattern)).toBeUndefined());

  test('accepted patterns are fast on texts that are slow for refused patterns', () => {
    const patterns = ['^[a-z]+(-[a-z]+)*$', '[a-z]+[0-9]', '^.*a.*b$', '^(a|ab)*$', '^[^@]+@.+$'];
    for (const pattern of patterns) {
      expect(patternDanger(pattern)).toBeUndefined();
      const started = performance.now();
      for (const unit of ['a', 'a-', 'ab', '@', 'aa-']) {
        new RegExp(pattern, 'u').test(`${unit.repeat(1024).slice(0, 1023)}!`);
      }
      expect(performance.now() - started).toBeLessThan(5_000);
    }
  });
});

describe('a schema file', () => {
  test.each<[string, JsonValue, string]>([
    ['an unknown keyword', field({ type: 'string', maxLenght: 3 }), 'maxLenght'],
    ['a keyword of another type', field({ type: 'string', minimum: 3 }), 'strict'],
    ['a wrong value', field({ type: 'strng' }), '/properties/field/type'],
    ['broken JSON', '{"type": ', 'cannot be read as JSON'],
    ['more than 256 KiB', `{"type":"object","title":"${'x'.repeat(262_144)}"}`, 'more than 262144'],
  ])('with %s is refused', async (_, content, reason) => {
    const faults = await faultsOf(content);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain('order_completed/1.json: ');
    expect(faults[0]).toContain(reason);
  });

  test('may use if, unions and local references', async () => {
    const schema = {
      type: 'object',
      properties: { a: { type: ['string', 'null'] }, b: { $ref: '#/$defs/money' } },
      $defs: { money: { type: 'number', minimum: 0 } },
      if: { required: ['a'] },
      ['then' as string]: { required: ['b'] },
    };
    expect(await faultsOf(schema)).toEqual([]);
  });
});

test('refuses rules that Ajv validates differently from the draft', () => {
  const faultsIn = (schema: JsonObject): string => problemsOf({ type: 'object', ...schema }).join();
  const list = { type: 'array', prefixItems: [{}], unevaluatedItems: false };
  expect(faultsIn({ properties: { list } })).toContain(
    '/properties/list/unevaluatedItems is refused',
  );
  const branches = '{ "if": {}, "else": {} }';
  const half = { allOf: [JSON.parse(branches)], unevaluatedProperties: false };
  expect(faultsIn(half)).toContain('/allOf/0/if has no then or no else');
  expect(faultsIn({ allOf: half.allOf })).toBe('');
  const whole = { ...half, allOf: [JSON.parse('{ "if": {}, "then": {}, "else": {} }')] };
  expect(faultsIn(whole)).toBe('');
});
