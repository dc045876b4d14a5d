import { eventColumns } from '../../tables/event-columns.ts';
import type { EventRow, RowMaker } from '../../tables/event-row.ts';
import type { ReadDelivery } from '../rows/read-delivery.ts';
import { CopyLines } from './copy-lines.ts';
import { idKey, orderOfIds } from './id-order.ts';
import { NoCopyError } from './no-copy-error.ts';
import type { WritePayloadLine } from './payload-line.ts';

const deliveredAt = eventColumns.findIndex(({ name }) => name === 'delivered_at');

/** The rows of one table, ready to be sent. */
export interface CopyRows {
  /** All of them are UUIDs. */
  readonly ids: () => readonly string[];
  /** The messages `CopyData` and `CopyDone`. */
  readonly messages: Buffer;
}

/** What makes the lines of a table. */
export interface LineMakers {
  readonly fromBytes: WritePayloadLine;
  readonly rows: RowMaker;
}

/** The values of a row beside the JSON of its event, which has most of its bytes. */
const rowBytesExpected = 400;

/**
 * Writes the lines of events for `COPY`: from the bytes of their payloads where that is possible. The columns are those of
 * every table and then those of the plan. An event whose payload turns out to be damaged has no line.
 *
 * In the order of the ids: table.ts says why. Throws a NoCopyError if an id is not a UUID.
 */
export function copyRows(makers: LineMakers, events: readonly ReadDelivery[]): CopyRows {
  const keys = events.map(keyOf);
  const order = orderOfIds(keys, (place) => events[place]!.eventId());
  const size = events.reduce((sum, { payload }) => sum + payload.length + rowBytesExpected, 0);
  const lines = new CopyLines(size);
  for (const place of order) {
    const event = events[place]!;
    if (event.head === undefined || !makers.fromBytes(lines, event.head)) {
      addOfValues(lines, makers.rows, event);
    }
  }
  // An event without a line keeps the copy that it may have in the table of events without a contract.
  const written = () => order.map((place) => events[place]!).filter((event) => !event.isDead());
  return { ids: () => written().map((event) => event.eventId()), messages: lines.finish() };
}

function keyOf(event: ReadDelivery): number {
  const { bytes, start, end } = event.idPlace();
  const key = idKey(bytes, start, end);
  if (key === -1) throw new NoCopyError('an id is not a UUID');
  return key;
}

function addOfValues(lines: CopyLines, rows: RowMaker, delivery: ReadDelivery): void {
  const { sequence } = delivery;
  const event = delivery.event();
  if (typeof event !== 'string') addLine(lines, rows.rowOf(event, { sequence, deliveredAt: '' }));
}

/** The same columns as of `createPayloadLines`. */
export function addLine(lines: CopyLines, { event, properties }: EventRow): void {
  for (let at = 0; at < event.length; at += 1) {
    // PostgreSQL reads it as the time at which the transaction began: the same as now() for INSERT.
    lines.value(at === deliveredAt ? 'now' : event[at]);
  }
  for (const value of properties) lines.value(value);
  lines.endLine();
}
