import { expect, test } from 'vitest';

import { eventColumns } from '../../tables/event-columns.ts';
import type { ColumnValue } from '../../tables/fit-value.ts';
import { copyRows } from './copy-rows.ts';
import { NoCopyError } from './no-copy-error.ts';

const ids = ['0b000000-0000-4000-8000-000000000000', '0a000000-0000-4000-8000-000000000000'];

function rowOf(eventId: string, ...properties: ColumnValue[]): Parameters<typeof copyRows>[0][0] {
  const event = eventColumns.map(({ name }) => (name === 'event_id' ? eventId : null));
  return { event, properties };
}

test('rows are lines in the order of their ids, between the heads of CopyData and CopyDone', () => {
  const sent = copyRows([
    rowOf(ids[0]!, 'a\\N\tb\r\n', 1.5, true),
    rowOf(ids[1]!, 'ü', 9_007_199_254_740_993n, null),
  ]);
  expect(sent.ids).toEqual(ids.toReversed());
  const { messages } = sent;
  expect(messages[0]).toBe('d'.charCodeAt(0));
  const end = 1 + messages.readInt32BE(1);
  expect(messages.subarray(end).toString('hex')).toBe('6300000004');
  const lines = messages.subarray(5, end).toString().split('\n');
  const columns = lines.map((line) => line.split('\t'));
  expect(columns[0]).toHaveLength(eventColumns.length + 3);
  expect(columns[0]![0]).toBe(ids[1]);
  expect(columns[0]![eventColumns.findIndex(({ name }) => name === 'delivered_at')]).toBe('now');
  expect(columns[0]!.slice(-3)).toEqual(['ü', '9007199254740993', '\\N']);
  expect(columns[1]!.slice(-3)).toEqual(['a\\\\N\\tb\\r\\n', '1.5', 'true']);
  expect(lines.slice(2)).toEqual(['']);
});

test('an id that is no UUID cannot be copied', () => {
  expect(() => copyRows([rowOf("1'")])).toThrow(NoCopyError);
});
