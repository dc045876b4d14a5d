import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { BinaryRows } from '../../src/destinations/clickhouse/rows/row-binary.ts';
import { createPayloadWriting } from '../../src/destinations/clickhouse/rows/typed-payloads.ts';
import { createRowWriting } from '../../src/destinations/clickhouse/rows/typed-rows.ts';
import { clickhouseDialect } from '../../src/destinations/clickhouse/typed-statements.ts';
import { typedEventOf } from '../../src/destinations/clickhouse/typed-tables.ts';
import { createRowMaker } from '../../src/destinations/tables/event-row.ts';
import { planTable, type TablePlan } from '../../src/destinations/tables/plan-table.ts';
import type { JsonObject } from '../../src/event/json/json.ts';
import { generatedHistory } from '../tables/generated-events.ts';
import { deliveryOf } from './deliveries.ts';
import {
  anyKind,
  expectSame,
  headsOf,
  oddProperties,
  otherMembers,
  payloadWith,
  spellings,
} from './payload-spellings.ts';

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
  const write = createPayloadWriting(plan);
  const rows = new BinaryRows();
  return headsOf(payloads).map((head) => {
    if (head === undefined || !write(rows, head)) return undefined;
    const { bytes, start, end } = rows.finish();
    return bytes.toString('hex', start, end);
  });
}

function rowFromValues(plan: TablePlan, payload: Uint8Array): string {
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
  return expectSame(payloads, rowsFromBytes(plan, payloads), (payload) =>
    rowFromValues(plan, payload),
  );
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

test('each value in a column of each kind is the same', () => {
  const plan = planOf([anyKind]);
  const names = Object.keys(anyKind['properties'] as JsonObject);
  const payloads = names.flatMap((name) =>
    spellings.map((value) => payloadWith(`{"other":[{}],"${name}":${value},"last":"x"}`)),
  );
  expect(expectSameRows(plan, payloads)).toBeGreaterThan(payloads.length * 0.9);
});

test('members of any order, unknown ones and those that come twice are the same', () => {
  const plan = planOf([anyKind]);
  const payloads = oddProperties.map((properties) => payloadWith(properties));
  expect(expectSameRows(plan, payloads)).toBe(6);
});

test('what every event has is the same, and what is not a stored event is left', () => {
  const plan = planOf([anyKind]);
  const same = otherMembers.map((overrides) => payloadWith('{"text":"a"}', 1, overrides));
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
  const nameOf = (eventName: string): string => {
    const [head] = headsOf([payloadWith('{}', 1, { eventName })]);
    expect(head).toBeDefined();
    return head!.eventName;
  };
  const names = ['a', 'ab', 'b', 'käse', 'kase', 'a'];
  expect(names.map(nameOf)).toEqual(names);
  expect(plan.columns.length).toBeGreaterThan(10);
});
