import { expect, test } from 'vitest';

import {
  eventTimeColumn,
  rowColumns,
  writeEventRow,
} from '../../src/destinations/clickhouse/rows/event-row.ts';
import { binaryLayout, textLayout } from '../../src/destinations/clickhouse/rows/row-layout.ts';
import { typedEventOf } from '../../src/destinations/clickhouse/typed-tables.ts';
import { insertedRows } from './clickhouse-rows.ts';
import { deliveryOf, storedEvent } from './deliveries.ts';

const columns = [...rowColumns, eventTimeColumn];
const names = columns.map(([name]) => name).join(', ');

/** The times of the row of an event, or the reason why it has none. */
function timesOf(layoutOf: typeof binaryLayout, members: object): string | (string | undefined)[] {
  const layout = layoutOf(columns);
  const writer = layout.rows();
  const payload = JSON.stringify({ ...storedEvent(), ...members });
  const fault = writeEventRow(writer, deliveryOf(payload), true);
  if (fault !== undefined) return fault;
  const { bytes, start, end } = writer.finish();
  const body = Buffer.concat([layout.head, bytes.subarray(start, end)]);
  const [row] = insertedRows(`INSERT INTO events (${names}) FORMAT ${layout.format}`, body);
  return [row!['timestamp'], row!['event_time']];
}

const timestamp = '2026-03-01T12:00:00.000Z';

test.each([
  ['2026-02-28T11:00:00.123Z', '2026-02-28T11:00:00.123Z'],
  ['2024-02-29T11:00:00.123456Z', '2024-02-29T11:00:00.123Z'],
  ['2026-03-01T12:00:00.000+02:00', '2026-03-01T10:00:00.000Z'],
  ['2026-03-01T12:00:00Z', '2026-03-01T12:00:00.000Z'],
  ['1900-01-01T00:00:00.000Z', '1900-01-01T00:00:00.000Z'],
  ['1899-12-31T23:59:59.999Z', undefined],
  ['2300-01-01T00:00:00.000Z', undefined],
  ['2026-19-39T29:59:99.000Z', undefined],
  ['2026-02-30T12:00:00.000Z', undefined],
  ['2026-03-01T24:00:00.000Z', undefined],
  ['2026-03-01T12:00:60.000Z', undefined],
  ['2026-00-10T12:00:00.000Z', undefined],
  ['yesterday', undefined],
  ['', undefined],
  [5, undefined],
])('the event time %j is %s in every layout', (eventTime, stored) => {
  for (const layout of [binaryLayout, textLayout]) {
    // Members in the order of the log, and in another one: they are read in two ways.
    for (const members of [
      { timestamp, eventTime },
      { eventTime, timestamp, more: 1 },
    ]) {
      expect(timesOf(layout, members)).toEqual([timestamp, stored]);
    }
  }
});

test.each([
  '2026-19-39T29:59:99.000Z',
  '2026-02-30T12:00:00.000Z',
  '2026-03-01T24:00:00.000Z',
  '2026-03-01T12:00:60.000Z',
  '1899-12-31T23:59:59.999Z',
  '2300-01-01T00:00:00.000Z',
])('an event that came at %s has no row in any layout', (wrong) => {
  for (const layout of [binaryLayout, textLayout]) {
    expect(timesOf(layout, { timestamp: wrong })).toContain('its timestamp is not a time');
  }
});

test.each([true, -1, 2.5, 2 ** 32, 'two', { a: 1 }])(
  'an event with the schema version %j has no row in any layout',
  (schemaVersion) => {
    for (const layout of [binaryLayout, textLayout]) {
      expect(timesOf(layout, { timestamp, schemaVersion })).toContain('schemaVersion is not a');
    }
  },
);

test.each([
  ['1899-12-31T23:30:00-01:00', true],
  ['1900-01-01T00:30:00+01:00', false],
  ['2262-04-10T23:30:00-01:00', false],
  ['2262-04-11T00:30:00+01:00', true],
])('whether a table of the event can hold %s is decided in UTC', (time, isHeld) => {
  const event = typedEventOf(deliveryOf(JSON.stringify({ ...storedEvent(), timestamp: time })), 0);
  expect(typeof event).toBe(isHeld ? 'object' : 'string');
});
