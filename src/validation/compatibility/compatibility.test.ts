import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { compileSchema } from '../schema/compile-schema.ts';
import { compatibilityCases } from './compatibility-cases.fixture.ts';
import { changesMax } from './compare-schemas.ts';
import { compatibilityFindings, isAllowed } from './compatibility.ts';
import { canonicalJson, schemaHash } from '../schema/schema-identity.ts';
import type { JsonObject, JsonValue } from '../../event/json/json.ts';

function findings(before: JsonObject, after: JsonObject) {
  return compatibilityFindings({ version: 1, schema: before }, { version: 2, schema: after });
}

test.each(compatibilityCases)('$change', ({ before, after, breaks, says }) => {
  const found = findings(before, after);
  expect(found.map(({ message }) => message)).toEqual(says);
  expect([...new Set(found.flatMap((finding) => finding.breaks))].sort()).toEqual(
    [...breaks].sort(),
  );
});

const rules: JsonObject[] = [
  {},
  { type: 'string' },
  { type: 'string', maxLength: 1 },
  { enum: ['a', 1] },
  { const: 'a' },
  { type: ['string', 'null'] },
  { type: 'number', minimum: 1 },
  { type: 'integer' },
  { type: 'number', exclusiveMinimum: 1 },
  { type: 'number', multipleOf: 0.5 },
  { type: 'array', items: { type: 'string' } },
  { type: 'array', minItems: 1 },
  { anyOf: [{ type: 'string' }, { type: 'null' }] },
  { allOf: [{ type: 'string' }] },
  { type: 'object', required: ['x'], properties: { x: { type: 'integer' } } },
];
const values: JsonValue[] = [null, 0, 1, 1.5, 2, '', 'a', 'abc', [], ['a'], [1], {}, { x: 1 }];
const names = ['a', 'b'];
const schemas = fc.record({
  properties: fc.dictionary(fc.constantFrom(...names), fc.constantFrom(...rules)),
  required: fc.subarray(names),
});
const events: JsonObject[] = values.flatMap((a) => [
  { a },
  { b: a },
  ...values.map((b) => ({ a, b })),
]);
const compiled = (
  { properties, required }: { properties: JsonObject; required: string[] },
  additionalProperties = false,
) => {
  const listed = required.filter((name) => Object.hasOwn(properties, name));
  const schema = { type: 'object', additionalProperties, properties, required: listed };
  return { schema, takes: compileSchema(schema).findingsIn };
};

type Compiled = ReturnType<typeof compiled>;

/** The events that `before` takes and `after` does not. */
function nowRefused(before: Compiled, after: Compiled): JsonObject[] {
  const valid = [{}, ...events].filter((event) => before.takes(event) === undefined);
  return valid.filter((event) => after.takes(event) !== undefined);
}

test('a change that breaks no producer keeps every event of the old schema valid', () => {
  fc.assert(
    fc.property(schemas, schemas, (left, right) => {
      const before = compiled({ ...left, properties: { ...left.properties } });
      const after = compiled({ ...right, properties: { ...right.properties } });
      const found = findings(before.schema, after.schema);
      if (found.some(({ breaks }) => breaks.includes('producers'))) return;
      expect(nowRefused(before, after)).toEqual([]);
    }),
    { numRuns: 150 },
  );
});

test('backward: whoever knows the new version can read every event of the old one', () => {
  const count = { allowed: 0, refused: 0 };
  fc.assert(
    fc.property(schemas, schemas, fc.boolean(), (left, right, isOpen) => {
      const before = compiled({ ...left, properties: { ...left.properties } }, isOpen);
      const after = compiled({ ...right, properties: { ...right.properties } }, isOpen);
      const found = findings(before.schema, after.schema);
      const isFine = found.every((finding) => isAllowed('backward', finding));
      count[isFine ? 'allowed' : 'refused'] += 1;
      // In an open object a property that is newly listed is taken for a new one.
      const isNew = (name: string): boolean => isOpen && !Object.hasOwn(left.properties, name);
      const broken = isFine ? nowRefused(before, after) : [];
      expect(broken.filter((event) => !Object.keys(event).some(isNew))).toEqual([]);
    }),
    { numRuns: 300 },
  );
  expect([count.allowed > 20, count.refused > 20]).toEqual([true, true]);
});

describe('compatibility modes', () => {
  const finding = (breaks: ('producers' | 'consumers')[]) => ({ place: '', breaks, message: '' });
  test.each([
    ['compatible', [], true],
    ['compatible', ['producers'], false],
    ['compatible', ['consumers'], false],
    ['forward', ['producers'], true],
    ['forward', ['consumers'], false],
    ['forward', ['producers', 'consumers'], false],
    ['backward', ['consumers'], true],
    ['backward', ['producers'], false],
    ['backward', ['producers', 'consumers'], false],
    ['none', ['producers', 'consumers'], true],
  ] as const)('%s with a change that breaks %j: allowed is %s', (mode, breaks, allowed) => {
    expect(isAllowed(mode, finding([...breaks]))).toBe(allowed);
  });
});

test('lists a limited number of changes', () => {
  const names = Array.from({ length: changesMax + 1 }, (_, index) => `p${index}`);
  const of = (type: string): JsonObject => ({
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name, { type }])),
  });
  expect(findings(of('integer'), of('number'))).toHaveLength(changesMax);
});

test('gives two texts of the same schema the same hash', () => {
  const one = { type: 'object', required: ['a', 'b'] };
  expect(schemaHash(one)).toBe(schemaHash({ required: ['a', 'b'], type: 'object' }));
  expect(schemaHash(one)).not.toBe(schemaHash({ required: ['b', 'a'], type: 'object' }));
  expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: true })).toBe(
    '{"a":true,"b":[1,{"c":"x","d":null}]}',
  );
});
