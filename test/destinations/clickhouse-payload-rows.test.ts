import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { PayloadHead } from '../../src/destinations/clickhouse/rows/payload-head.ts';
import {
  baseOf,
  createPayloadPlaces,
} from '../../src/destinations/clickhouse/rows/payload-places.ts';
import { BinaryRows } from '../../src/destinations/clickhouse/rows/row-binary.ts';
import { createPayloadWriting } from '../../src/destinations/clickhouse/rows/typed-payloads.ts';
import { createRowWriting } from '../../src/destinations/clickhouse/rows/typed-rows.ts';
import { clickhouseDialect } from '../../src/destinations/clickhouse/typed-statements.ts';
import { typedEventOf } from '../../src/destinations/clickhouse/typed-tables.ts';
import { createRowMaker } from '../../src/destinations/tables/event-row.ts';
import { planTable, type TablePlan } from '../../src/destinations/tables/plan-table.ts';
import { storedMembers } from '../../src/destinations/payload-members.ts';
import type { JsonObject } from '../../src/event/json/json.ts';
import { generatedHistory } from '../tables/generated-events.ts';
import { deliveryOf, storedEvent } from './deliveries.ts';

/*
 * A row is written from the bytes of its payload, or from the values of its event. Both have to give the same row, or a
 * payload's spelling would decide what a table holds.
 */

/** A row, or why the event has no row. */
type Row = string | undefined;

function planOf(schemas: readonly JsonObject[]): TablePlan {
  return planTable(
    { name: 'order_completed', schemas },
    { dialect: clickhouseDialect, prefix: '' },
  );
}

/** Undefined where the payload is left to its values. */
function rowsFromBytes(plan: TablePlan, payloads: readonly Uint8Array[]): Row[] {
  const places = createPayloadPlaces(payloads.length);
  const write = createPayloadWriting(plan);
  const rows = new BinaryRows();
  const heads = payloads.map((payload, index) => {
    const base = baseOf(index);
    const bytes = Buffer.from(payload);
    if (!places.readHead(bytes, base)) return undefined;
    return new PayloadHead({ ...deliveryOf(payload), sequence: 7 }, index, bytes, { places, base });
  });
  return heads.map((head) => {
    if (head === undefined || !write(rows, head)) return undefined;
    const { bytes, start, end } = rows.finish();
    return bytes.toString('hex', start, end);
  });
}

function rowFromValues(plan: TablePlan, payload: Uint8Array): Row {
  const read = typedEventOf(deliveryOf(payload), 0);
  if (typeof read === 'string') return read;
  const rows = new BinaryRows();
  const row = createRowMaker(plan).rowOf(read.event, { sequence: 7, deliveredAt: '' });
  createRowWriting(plan)(rows, row, read.isAscii);
  const { bytes, start, end } = rows.finish();
  return bytes.toString('hex', start, end);
}

/** Expects the same rows, and returns how many were written from bytes. */
function expectSameRows(plan: TablePlan, payloads: readonly Uint8Array[]): number {
  const rows = rowsFromBytes(plan, payloads);
  for (const [index, row] of rows.entries()) {
    if (row === undefined) continue;
    const payload = payloads[index]!;
    expect({ payload: String(payload), row }).toEqual({
      payload: String(payload),
      row: rowFromValues(plan, payload),
    });
  }
  return rows.filter((row) => row !== undefined).length;
}

const ordinary: Readonly<Record<string, unknown>> = {
  ...storedEvent(),
  eventTime: '2026-03-01T12:00:00.123Z',
  userId: 'Zoë 😀',
  anonymousId: 'device-7',
  occurredAt: '2026-02-28T23:59:59.123456789Z',
  sentAt: '2026-03-01T12:00:00.000Z',
  context: { page: '/checkout', 'a\tb': null },
};

/** As the gate stores it, with this text as its properties. */
function payloadWith(properties: string, version = 1, overrides: object = {}): Buffer {
  const event: Record<string, unknown> = { ...ordinary, schemaVersion: version, ...overrides };
  event['properties'] = { placeholder: 1 };
  const ordered = Object.fromEntries(storedMembers.map(([name]) => [name, event[name]]));
  return Buffer.from(JSON.stringify(ordered).replace('{"placeholder":1}', () => properties));
}

test('a row is the same from bytes and from values, in every version of a generated contract', () => {
  let fromBytes = 0;
  let all = 0;
  fc.assert(
    fc.property(generatedHistory, ({ schemas, events }) => {
      const payloads = events.map(({ properties, version }) => payloadWith(properties, version));
      fromBytes += expectSameRows(planOf(schemas), payloads);
      all += payloads.length;
    }),
    { numRuns: 300 },
  );
  // Names with escapes are left, and odd numbers in JSON.
  expect(fromBytes).toBeGreaterThan(all / 3);
});

const anyKind: JsonObject = {
  type: 'object',
  properties: {
    text: { type: 'string' },
    word: { enum: ['a', 'b'] },
    flag: { type: 'boolean' },
    whole: { type: 'integer' },
    large: { type: 'integer', maximum: 1e30 },
    cents: { type: 'number', multipleOf: 0.01 },
    number: { type: 'number' },
    double: { type: 'number', format: 'double' },
    list: { type: 'array' },
    map: { type: 'object', additionalProperties: true },
    any: {},
    id: { type: 'string', format: 'uuid' },
    at: { type: 'string', format: 'date-time' },
    day: { type: 'string', format: 'date' },
    clock: { type: 'string', format: 'time' },
    deep: { type: 'object', properties: { inner: { type: 'object', properties: { x: {} } } } },
    Ünïcode: { type: 'string' },
  },
};

const values = [
  '0',
  '-0',
  '-0.0',
  '0.0',
  '1',
  '-1',
  '12.5',
  '12.50',
  '0.1',
  '-0.05',
  '0.000001',
  '0.0000001',
  '1e2',
  '1E-7',
  '100.0',
  '123456789012345',
  '1234567890123456',
  '9007199254740993',
  '1e400',
  '0.123456789012345678901',
  '99999999999999.9',
  '-9223372036854775808',
  '9223372036854775808',
  '""',
  '"a"',
  '"b\\n"',
  '"\\u0041"',
  '"\\ud800"',
  '"ä😀\u2028\u007f"',
  '"null"',
  'null',
  'true',
  'false',
  '[]',
  '{}',
  '[1]',
  '[1,2.50]',
  '[1e2]',
  '["a\\/b"]',
  '[[[]]]',
  '[-0]',
  '{"b":1,"a":2}',
  '{"2":1,"1":2}',
  '{"a":1,"a":2}',
  '{"a":{"b":1},"c":{"b":1}}',
  '{"__proto__":1}',
  '{"inner":{"x":1}}',
  '{"inner":{"x":1,"x":2}}',
  '{"inner":null}',
  '{"inner":{"x":{"y":[0.10]}}}',
  '{"":1,"":2}',
  '{"\\u0061":1}',
  `{${Array.from({ length: 300 }, (_, at) => `"k${at}":${at}`).join()}}`,
  '"0190163D-8694-739B-AEA5-966C26F8AD91"',
  '"2026-03-01"',
  '"2026-02-30"',
  '"1815-12-10"',
  '"2026-03-01T12:00:00.123Z"',
  '"1066-10-14T00:00:00Z"',
  '"23:59:59.5z"',
  `${'['.repeat(70)}${']'.repeat(70)}`,
];

test('each value in a column of each kind is the same', () => {
  const plan = planOf([anyKind]);
  const names = Object.keys(anyKind['properties'] as JsonObject);
  const payloads = names.flatMap((name) =>
    values.map((value) => payloadWith(`{"other":[{}],"${name}":${value},"last":"x"}`)),
  );
  expect(expectSameRows(plan, payloads)).toBeGreaterThan(payloads.length * 0.9);
});

test('members of any order, unknown ones and those that come twice are the same', () => {
  const plan = planOf([anyKind]);
  const payloads = [
    '{}',
    '{"text":"a","whole":1}',
    '{"whole":1,"text":"a"}',
    '{"x":1,"whole":2,"y":{"text":"z"}}',
    '{"text":"a","text":"b"}',
    '{"te\\u0078t":"a"}',
    '{"deep":{"inner":{"x":1}},"deep":{}}',
    '[]',
    '"text"',
    '{"deep":5}',
    '{"deep":[{"inner":{}}]}',
    '{"text" :"a"}',
    '{"text":"a",}',
    '{"text":01}',
    'null',
    '{"text":tru}',
  ].map((properties) => payloadWith(properties));
  expect(expectSameRows(plan, payloads)).toBe(6);
});

test('what every event has is the same, and what is not a stored event is left', () => {
  const plan = planOf([anyKind]);
  const same = [
    {},
    { userId: undefined, anonymousId: undefined, occurredAt: undefined, context: undefined },
    { eventTime: '1066-10-14T00:00:00.000Z', occurredAt: '2026-13-01T00:00:00.000Z' },
    { occurredAt: '1066-10-14T00:00:00.000Z', sentAt: '1066-10-14T00:00:00.000Z' },
    { eventTime: 'soon', sentAt: '2026-03-01T12:00:00+02:00' },
    { timestamp: '2024-02-29T00:00:00.000Z', schemaVersion: undefined, traceparent: '00-ab-cd-01' },
    { warnings: [{ code: 'late', message: 'a "word"' }], correlationId: undefined },
    { schemaVersion: 99 },
  ].map((overrides) => payloadWith('{"text":"a"}', 1, overrides));
  expect(expectSameRows(plan, same)).toBe(same.length);
  const left = [
    { eventId: 'not-a-uuid' },
    { timestamp: '1066-10-14T00:00:00.000Z' },
    { timestamp: '2026-02-30T00:00:00.000Z' },
    { userId: 'a "word"' },
    { eventTime: undefined },
  ].map((overrides) => payloadWith('{}', 1, overrides));
  const broken = Buffer.from(payloadWith('{}').toString('latin1'), 'latin1');
  broken[broken.indexOf('Zo') + 2] = 0xff;
  const whole = payloadWith('{}');
  left.push(broken, whole.subarray(0, -1), Buffer.concat([whole, Buffer.from(' ')]));
  expect(rowsFromBytes(plan, left)).toEqual(left.map(() => undefined));
});

test('a name of other bytes is not taken for the one before', () => {
  const plan = planOf([anyKind]);
  const places = createPayloadPlaces(1);
  const nameOf = (eventName: string): string => {
    const bytes = payloadWith('{}', 1, { eventName });
    expect(places.readHead(bytes, 0)).toBe(true);
    return new PayloadHead(deliveryOf(bytes), 0, bytes, { places, base: 0 }).eventName;
  };
  const names = ['a', 'ab', 'b', 'käse', 'kase', 'a'];
  expect(names.map(nameOf)).toEqual(names);
  expect(plan.columns.length).toBeGreaterThan(10);
});
