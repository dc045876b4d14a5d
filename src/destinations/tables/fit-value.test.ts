import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseExactly } from '../../event/exact-numbers.ts';
import type { JsonObject, JsonValue } from '../../event/json/json.ts';
import { compileSchema } from '../../validation/schema/compile-schema.ts';
import { cutPayload } from '../payload-members.ts';
import type { TableDialect } from './dialect.ts';
import { columnsInUse, createRowMaker, readPayload } from './event-row.ts';
import { fitValue, type ColumnValue } from './fit-value.ts';
import type { LogicalType } from './logical-type.ts';
import { planTable } from './plan-table.ts';

const read = (json: string): JsonValue => {
  const text = `[${json}]`;
  return ((parseExactly(text) ?? JSON.parse(text)) as JsonValue[])[0]!;
};

describe('a value', () => {
  const decimal: LogicalType = { kind: 'decimal', scale: 2 };
  test.each<[string, LogicalType | LogicalType['kind'], ColumnValue | undefined]>([
    ['"x"', 'text', 'x'],
    ['3', 'text', undefined],
    ['null', 'text', null],
    ['9007199254740993', 'integer', 9007199254740993n],
    ['9223372036854775807', 'integer', 9223372036854775807n],
    ['9223372036854775808', 'integer', undefined],
    ['-9223372036854775808', 'integer', -9223372036854775808n],
    ['1e2', 'integer', 100],
    ['100.0', 'integer', 100],
    ['-0', 'integer', 0],
    ['1.5', 'integer', undefined],
    ['"5"', 'integer', undefined],
    ['18446744073709551615', 'big_integer', 18446744073709551615n],
    ['1e30', 'big_integer', 10n ** 30n],
    ['1e999', 'big_integer', undefined],
    ['0.1', 'number', 0.1],
    ['12345678901234567890.123', 'number', '12345678901234567890.123'],
    ['1e401', 'number', undefined],
    ['1e-323', 'number', 1e-323],
    ['19.90', decimal, 19.9],
    ['19.901', decimal, undefined],
    ['90071992547409.93', decimal, '90071992547409.93'],
    ['1e-2', decimal, 0.01],
    ['166.92000000000002', decimal, 166.92],
    ['-166.91999999999999', decimal, -166.92],
    ['0.9999999999999999', decimal, 1],
    ['-1e-9', decimal, 0],
    ['1e-400', decimal, 0],
    ['166.920000009', decimal, 166.92],
    ['166.92000002', decimal, undefined],
    ['12345678901234567890.120000000000000001', decimal, '12345678901234567890.12'],
    ['3.0000000000000004', 'integer', 3],
    ['2.9999999999999996', 'big_integer', 3],
    ['3.00001', 'integer', undefined],
    ['1e400', 'double', undefined],
    ['-0e0', 'double', 0],
    ['12345678901234567890', 'double', 1.2345678901234567e19],
    ['true', 'boolean', true],
    ['1', 'boolean', undefined],
    ['"2026-02-29"', 'date', undefined],
    ['"2024-02-29"', 'date', '2024-02-29'],
    ['"2026-01-01T01:00:00+02:00"', 'timestamp', '2025-12-31T23:00:00.000Z'],
    ['"2026-01-01"', 'timestamp', undefined],
    ['"23:59:59.5z"', 'time', '23:59:59.5Z'],
    ['"24:00:00Z"', 'time', undefined],
    ['"0190163D-8694-739B-AEA5-966C26F8AD91"', 'uuid', '0190163d-8694-739b-aea5-966c26f8ad91'],
    ['"urn:uuid:0190163d-8694-739b-aea5-966c26f8ad91"', 'uuid', undefined],
    ['{"a": 12345678901234567890.5}', 'json', '{"a":12345678901234567890.5}'],
    ['12345678901234567890', { kind: 'map', value: { kind: 'json' } }, undefined],
    ['[1]', { kind: 'array', item: { kind: 'text' } }, '[1]'],
    ['{}', { kind: 'array', item: { kind: 'text' } }, undefined],
  ])('%s as %j is %s', (json, type, wanted) => {
    const logical = (typeof type === 'string' ? { kind: type } : type) as LogicalType;
    expect(fitValue(read(json), logical)).toEqual(wanted);
  });
});

test('a sum of amounts with two digits is one', () => {
  const decimal: LogicalType = { kind: 'decimal', scale: 2 };
  const amount = { type: 'number', multipleOf: 0.01 };
  const { findingsIn } = compileSchema({ type: 'object', properties: { amount } });
  const cents = fc.array(fc.integer({ min: -1_000_000, max: 1_000_000 }), { maxLength: 9 });
  fc.assert(
    fc.property(cents, (amounts) => {
      const sum = amounts.reduce((before, amount) => before + amount / 100, 0);
      const exact = amounts.reduce((before, amount) => before + amount, 0) / 100;
      expect(findingsIn({ amount: sum })).toBeUndefined();
      expect(fitValue(read(String(sum)), decimal)).toBe(exact === 0 ? 0 : exact);
    }),
  );
});

describe('a row', () => {
  const plan = planTable(
    {
      name: 'x_seen',
      schemas: [
        { type: 'object', properties: { n: { type: 'integer' }, a: { type: 'object' } } },
        { type: 'object', properties: { n: { type: 'string' } } },
      ],
    },
    { dialect: { nameBytesMax: 63, typeOf: ({ kind }) => kind } },
  );
  const rows = createRowMaker(plan);
  const rowOf = (schemaVersion: number | undefined, properties: string): unknown[] => {
    const version = schemaVersion === undefined ? '' : `"schemaVersion":${schemaVersion},`;
    const payload = `{"eventId":"e","eventName":"x_seen","source":"s","idempotencyKey":"k",${version}
      "timestamp":"2026-01-01T00:00:00.000Z","properties":${properties}}`;
    const delivery = { sequence: 7, deliveredAt: '2026-01-01T00:00:01.000Z' };
    const row = rows.rowOf(readPayload(payload), delivery);
    return [...row.properties, ...row.event.slice(-2)];
  };

  test('uses the column of its version; without one, the newest', () => {
    expect(plan.columns.map(({ name }) => name)).toEqual(['a', 'n', 'n_v2']);
    expect(rowOf(1, '{"n":5}')).toEqual([null, 5, null, '{"n":5}', null]);
    expect(rowOf(2, '{"n":"5"}')).toEqual([null, null, '5', '{"n":"5"}', null]);
    expect(rowOf(undefined, '{"n":"5"}')).toEqual([null, null, '5', '{"n":"5"}', null]);
    expect(rowOf(9, '{"n":"5"}')).toEqual([null, null, '5', '{"n":"5"}', null]);
  });

  test('without a version uses the type that the newest has, also where it came back', () => {
    const typed = (type: string): JsonObject => ({ type: 'object', properties: { n: { type } } });
    const schemas = ['integer', 'string', 'integer'].map(typed);
    const dialect: TableDialect = { nameBytesMax: 63, typeOf: ({ kind }) => kind };
    const { columns } = planTable({ name: 'x_seen', schemas }, { dialect });
    expect(columns.map(({ name }) => name)).toEqual(['n', 'n_v2']);
    const used = [0, 1, 2, 3].map((version) => columnsInUse(columns, version).indexOf(true));
    expect(used).toEqual([0, 0, 1, 0]);
  });

  test('is the same from a payload as the gate writes it, and from one with spaces', () => {
    const common = { eventId: 'e', eventName: 'x_seen', source: 's' };
    const times = {
      timestamp: '2026-01-31T00:00:00.123Z',
      eventTime: '2025-12-31T23:59:59.123456Z',
    };
    const keys = { userId: 'ü', idempotencyKey: 'k', schemaVersion: 1 };
    const objects = { properties: { n: 5, a: { b: [1] } }, context: { page: '/' } };
    const rest = { occurredAt: '2026-02-30T00:00:00.000Z', correlationId: 'c', sentAt: 'never' };
    for (const event of [
      { ...common, ...times, ...keys, ...objects, ...rest, warnings: [{ code: 'x' }] },
      { ...common, ...times, idempotencyKey: 'k' },
      { ...common, ...times, idempotencyKey: 'k', properties: null, context: null },
      { ...common, ...times, idempotencyKey: 'k', properties: [1], context: 2 },
    ]) {
      const text = JSON.stringify(event);
      expect(cutPayload(text)).toBeDefined();
      expect(readPayload(text)).toEqual({ ...readPayload(`${text} `) });
    }
  });

  test('names the columns whose values did not fit, and keeps them in properties', () => {
    const text = '{"n":"five","a":[12345678901234567890.5],"more":1}';
    expect(rowOf(1, text)).toEqual([null, null, null, text, '["a","n"]']);
  });

  test('never takes a number for an object', () => {
    const inner = planTable(
      {
        name: 'x_seen',
        schemas: [
          {
            type: 'object',
            properties: { n: { type: 'object', properties: { rawJSON: { type: 'string' } } } },
          },
        ],
      },
      { dialect: { nameBytesMax: 63, typeOf: ({ kind }) => kind } },
    );
    const payload = `{"eventId":"e","eventName":"x_seen","source":"s","idempotencyKey":"k",
      "timestamp":"2026-01-01T00:00:00.000Z","properties":{"n":12345678901234567890}}`;
    const delivery = { sequence: 7, deliveredAt: '2026-01-01T00:00:01.000Z' };
    expect(createRowMaker(inner).rowOf(readPayload(payload), delivery).properties).toEqual([null]);
  });

  test.each([
    ['[]', 'not a stored event: it is not an object'],
    ['{"eventId":"e"}', 'not a stored event: it has no eventName'],
    ['{', 'JSON'],
  ])('is not made of %s', (payload, reason) => {
    expect(() => readPayload(payload)).toThrow(reason);
  });
});
