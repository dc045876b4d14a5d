import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { parseExact, writeExact } from './exact-json.ts';
import { convertedJson, fieldsOf, inputOfJson, jsonOfInput } from './fields.ts';

const schema = readFileSync(
  new URL('../../schemas/order_completed/2.json', import.meta.url),
  'utf8',
);

test('JSON keeps every digit and every name', () => {
  const json =
    '{"a":12345678901234567890.10,"__proto__":{"b":[1e400,-0]},"numberText":"x","c":null}';
  expect(writeExact(parseExact(json))).toBe(json);
});

test('fields are those of the contract, then those that it lacks', () => {
  const event = parseExact(
    '{"event_name":"order_completed","user_id":"u","properties":' +
      '{"total":"12","coupn":"x","items":[{"sku":"S"}],"a/b~c":1}}',
  );
  const fields = fieldsOf(event, schema, true);
  const found = Object.fromEntries(fields.map((field) => [field.path, field]));
  expect(found['/properties/total']).toMatchObject({
    kind: 'number',
    json: '"12"',
    isRequired: true,
  });
  expect(found['/properties/payment_method']).toMatchObject({ kind: 'choice', json: undefined });
  expect(found['/properties/items/0/sku']).toMatchObject({ label: 'items[0].sku', kind: 'text' });
  expect(found['/properties/items/0/quantity']).toMatchObject({ kind: 'number', isRequired: true });
  expect(found['/properties/coupn']).toMatchObject({ isPlanned: false, kind: 'text' });
  expect(found['/properties/a~1b~0c']).toMatchObject({ label: 'a/b~c', kind: 'number' });
  expect(found['/user_id']).toMatchObject({ json: '"u"' });
  expect(fieldsOf(event, schema, false).some(({ path }) => path === '/user_id')).toBe(false);
});

test('a schema that refers to itself, and an event without properties, are a form all the same', () => {
  const loop = '{"properties":{"a":{"$ref":"#/properties/a"}},"required":["a"]}';
  expect(fieldsOf(parseExact('[]'), loop, false)).toMatchObject([
    { path: '/properties/a', kind: 'json' },
  ]);
});

test('what is typed becomes JSON of the type that the contract asks for, as far as it can', () => {
  expect(jsonOfInput({ kind: 'text' }, '12')).toBe('"12"');
  expect(jsonOfInput({ kind: 'number' }, '12.50')).toBe('12.50');
  expect(jsonOfInput({ kind: 'number' }, 'twelve')).toBe('"twelve"');
  expect(jsonOfInput({ kind: 'number' }, '')).toBeUndefined();
  expect(inputOfJson({ kind: 'number' }, '"12"')).toBe('"12"');
  expect(inputOfJson({ kind: 'text' }, '"12"')).toBe('12');
  expect(convertedJson({ kind: 'number' }, '"12.50"')).toBe('12.50');
  expect(convertedJson({ kind: 'number' }, '"012"')).toBeUndefined();
  expect(convertedJson({ kind: 'text' }, '12')).toBe('"12"');
  expect(convertedJson({ kind: 'boolean' }, '"true"')).toBe('true');
  expect(convertedJson({ kind: 'text' }, '"12"')).toBeUndefined();
});
