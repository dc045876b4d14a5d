import { isUuid } from '../../../event/event-id.ts';
import { eventColumns } from '../../tables/event-columns.ts';
import type { EventRow } from '../../tables/event-row.ts';
import type { ColumnValue } from '../../tables/fit-value.ts';
import { NoCopyError } from './no-copy-error.ts';

const deliveredAt = eventColumns.findIndex(({ name }) => name === 'delivered_at');
const eventId = eventColumns.findIndex(({ name }) => name === 'event_id');

/** The rows of one table, ready to be sent. */
export interface CopyRows {
  /** All of them are UUIDs, in their order. */
  readonly ids: readonly string[];
  /** The messages `CopyData` and `CopyDone`. */
  readonly messages: Buffer;
}

/**
 * Writes rows as `COPY` reads text: a line for each row, a tab between columns ("File Formats" of `COPY` in PostgreSQL's
 * manual). The columns are those of every table and then those of the plan. PostgreSQL reads each value by the type of
 * its column, as it does the arrays of `INSERT`. Its binary format took as much from this side as it saved on the other.
 *
 * In the order of the ids: table.ts says why. Throws a NoCopyError if an id is not a UUID.
 */
export function copyRows(rows: readonly EventRow[]): CopyRows {
  const inOrder = rows
    .map((row) => ({ row, id: String(row.event[eventId]) }))
    .toSorted((one, other) => (one.id < other.id ? -1 : 1));
  let lines = '';
  for (const { row, id } of inOrder) {
    if (!isUuid(id)) throw new NoCopyError('an id is not a UUID');
    lines += lineOf(row);
  }
  return { ids: inOrder.map(({ id }) => id), messages: messagesOf(lines) };
}

/** Each column after its tab, and the first after none. */
function lineOf({ event, properties }: EventRow): string {
  let line = '';
  for (let at = 0; at < event.length; at += 1) {
    if (at > 0) line += '\t';
    // PostgreSQL reads it as the time at which the transaction began: the same as now() for INSERT.
    line += at === deliveredAt ? 'now' : fieldOf(event[at]);
  }
  for (const value of properties) line += `\t${fieldOf(value)}`;
  return `${line}\n`;
}

const special = /[\\\t\n\r]/;
const escapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
};

function fieldOf(value: ColumnValue | undefined): string {
  if (value === null || value === undefined) return '\\N';
  if (typeof value !== 'string') return String(value);
  if (!special.test(value)) return value;
  return value.replaceAll(/[\\\t\n\r]/g, (character) => escapes[character]!);
}

const copyDataCode = 0x64;
const copyDoneCode = 0x63;
const lengthBytes = 4;

function messagesOf(text: string): Buffer {
  // The length counts itself.
  const length = lengthBytes + Buffer.byteLength(text);
  const messages = Buffer.allocUnsafe(1 + length + 1 + lengthBytes);
  let at = messages.writeUInt8(copyDataCode);
  at = messages.writeInt32BE(length, at);
  at += messages.write(text, at);
  at = messages.writeUInt8(copyDoneCode, at);
  messages.writeInt32BE(lengthBytes, at);
  return messages;
}
