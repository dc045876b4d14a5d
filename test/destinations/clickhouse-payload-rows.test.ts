import { expect, test } from 'vitest';

import { BinaryRows } from '../../src/destinations/clickhouse/rows/row-binary.ts';
import { createPayloadWriting } from '../../src/destinations/clickhouse/rows/typed-payloads.ts';
import { createRowWriting } from '../../src/destinations/clickhouse/rows/typed-rows.ts';
import { clickhouseDialect } from '../../src/destinations/clickhouse/typed-statements.ts';
import { typedEventOf } from '../../src/destinations/clickhouse/typed-tables.ts';
import { createRowMaker } from '../../src/destinations/tables/event-row.ts';
import type { TablePlan } from '../../src/destinations/tables/plan-table.ts';
import { deliveryOf } from './deliveries.ts';
import { anyKind, headsOf, otherMembers, payloadWith } from './payload-spellings.ts';
import { testRowsFromBytes } from './rows-from-bytes.ts';

/** A row, or why the event has no row. */
type Row = string | undefined;

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

const { planOf, expectSame } = testRowsFromBytes({
  dialect: clickhouseDialect,
  fromBytes: rowsFromBytes,
  fromValues: rowFromValues,
  parts: { generated: 1 / 3, kinds: 0.9 },
});

test('what every event has is the same, and what is not a stored event is left', () => {
  const plan = planOf([anyKind]);
  const same = otherMembers.map((overrides) => payloadWith('{"text":"a"}', 1, overrides));
  expect(expectSame(plan, same)).toBe(same.length);
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
