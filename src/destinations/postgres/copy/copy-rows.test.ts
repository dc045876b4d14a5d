import { expect, test } from 'vitest';

import { eventColumns } from '../../tables/event-columns.ts';
import type { ColumnValue } from '../../tables/fit-value.ts';
import { CopyLines } from './copy-lines.ts';
import { planTable } from '../../tables/plan-table.ts';
import { createRowMaker } from '../../tables/event-row.ts';
import { readDeliveries } from '../rows/read-delivery.ts';
import { postgresDialect } from '../typed-statements.ts';
import { addLine, copyRows } from './copy-rows.ts';
import { createPayloadLines } from './payload-line.ts';

function linesOf(...rows: readonly (readonly ColumnValue[])[]): Buffer {
  // Too little room at first, so that it grows.
  const lines = new CopyLines(1);
  for (const properties of rows) {
    addLine(lines, { event: eventColumns.map(() => null), properties });
  }
  return lines.finish();
}

test('rows are lines between the heads of CopyData and CopyDone', () => {
  const messages = linesOf(['a\\N\tb\r\n', 1.5, true], ['ü', 9_007_199_254_740_993n, null]);
  expect(messages[0]).toBe('d'.charCodeAt(0));
  const end = 1 + messages.readInt32BE(1);
  expect(messages.subarray(end).toString('hex')).toBe('6300000004');
  const lines = messages.subarray(5, end).toString().split('\n');
  const columns = lines.map((line) => line.split('\t'));
  expect(columns[0]).toHaveLength(eventColumns.length + 3);
  expect(columns[0]![eventColumns.findIndex(({ name }) => name === 'delivered_at')]).toBe('now');
  expect(columns[0]!.slice(-3)).toEqual(['a\\\\N\\tb\\r\\n', '1.5', 'true']);
  expect(columns[1]!.slice(-3)).toEqual(['ü', '9007199254740993', '\\N']);
  expect(lines.slice(2)).toEqual(['']);
});

test('pieces of JSON are copied, with each backslash twice', () => {
  const lines = new CopyLines(1);
  const bytes = Buffer.from(`["a\\tb","\\\\${'long '.repeat(20)}"]`);
  lines.json(bytes, 0, bytes.length);
  lines.copied(bytes, 2, 3);
  lines.copied(bytes, 12, 100);
  const place = lines.place();
  lines.none();
  lines.cut(place);
  lines.endLine();
  const text = lines.finish().subarray(5, -5).toString();
  const expected = [String(bytes).replaceAll('\\', '\\\\'), 'a', String(bytes.subarray(12, 100))];
  expect(text).toBe(`${expected.join('\t')}\n`);
});

test('an event without a line is removed from no other table', () => {
  const contract = { name: 'x', schemas: [{ type: 'object', properties: { a: {} } }] };
  const plan = planTable(contract, { dialect: postgresDialect });
  const ids = [1, 2, 3].map((at) => `0190163d-8694-739b-aea5-966c26f8ad9${at}`);
  const time = '2020-03-01T12:00:00.123Z';
  const payloads = ids.map((eventId, at) => {
    const head = { eventId, eventName: 'x', source: 'w', timestamp: time, eventTime: time };
    const text = JSON.stringify({ ...head, idempotencyKey: 'k', properties: { a: 1 } });
    // Damaged where only the one who writes its line looks.
    return Buffer.from(at === 1 ? text.replace('"a":1', '"a":1e') : text);
  });
  const read = readDeliveries(
    payloads.map((payload, at) => ({ payload, sequence: at + 1 }) as never),
    true,
  );
  expect(read.map((event) => event.isDead())).toEqual([false, false, false]);
  const makers = { fromBytes: createPayloadLines(plan), rows: createRowMaker(plan) };
  const rows = copyRows(makers, read);
  expect(read.map((event) => event.isDead())).toEqual([false, true, false]);
  expect(rows.ids()).toEqual([ids[0], ids[2]]);
});
