import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { findEventTables } from './table-register.ts';
import { quoted } from './typed-statements.ts';
import type { EventAtDestination, TimeWindow } from '../destination.ts';

/**
 * Rows that are read at a time: about 2 ms of the event loop. The time has no index, so this counts
 * all rows read, not only those that match.
 */
const pageRows = 2_000;

const selectPage = (table: string, deliveredAt: string): string => `
  SELECT event_id, event_name, timestamp, ${deliveredAt} FROM ${quoted(table)}
  WHERE rowid > ?1 AND rowid <= ?2 AND timestamp >= ?3 AND timestamp < ?4`;

/** The last row of a page: the rows of a table of events have numbers far apart. */
const selectPageEnd = (table: string): string => `
  SELECT max(rowid) AS last FROM
    (SELECT rowid FROM ${quoted(table)} WHERE rowid > ? ORDER BY rowid LIMIT ${pageRows})`;

/**
 * Reads the rows of a time window over its own connection. Each page is its own transaction: one
 * transaction over all pages would keep the WAL from being copied into the file.
 *
 * @param prefix of the tables of events; undefined for the table of all events.
 */
export async function* readWarehouse(
  path: string,
  busyTimeoutMs: number,
  { fromMs, toMs, withDeliveryTime = false }: TimeWindow,
  prefix?: string,
): AsyncGenerator<EventAtDestination> {
  const database = new DatabaseSync(path, { readOnly: true, timeout: busyTimeoutMs });
  try {
    const window = [timestampOf(fromMs), timestampOf(toMs)] as const;
    const column = withDeliveryTime ? 'delivered_at' : 'NULL';
    const names = prefix === undefined ? ['events'] : await findEventTables(database, prefix);
    for (const table of names) {
      for await (const page of readTable(database, table, window, column)) {
        for (const [eventId, eventName, timestamp, deliveredAt] of page) {
          yield {
            eventId: String(eventId),
            eventName: String(eventName),
            timestamp: String(timestamp),
            ...(withDeliveryTime && { deliveredAt: String(deliveredAt) }),
          };
        }
      }
    }
  } finally {
    database.close();
  }
}

/** Pages of rows: id, name and time, and the time of delivery if its column is given. */
async function* readTable(
  database: DatabaseSync,
  table: string,
  [from, to]: readonly [string, string],
  deliveredAt: string,
): AsyncGenerator<readonly SQLOutputValue[][]> {
  const bounds = `SELECT min(rowid) AS low, max(rowid) AS high FROM ${quoted(table)}`;
  const page = database.prepare(selectPage(table, deliveredAt));
  page.setReturnArrays(true);
  const pageEnd = database.prepare(selectPageEnd(table));
  const { low, high } = database.prepare(bounds).get() ?? {};
  let row = Number(low ?? 0) - 1;
  while (row < Number(high ?? -1)) {
    const last = Number(pageEnd.get(row)?.['last'] ?? high);
    // Node's types do not know `setReturnArrays`.
    yield page.all(row, last, from, to) as unknown as SQLOutputValue[][];
    row = last;
    await nextTurn();
  }
}

/** In the form of the log, so that it compares as text. */
function timestampOf(ms: number): string {
  return new Date(ms).toISOString();
}
