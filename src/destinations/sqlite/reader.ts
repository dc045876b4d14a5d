import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EventAtDestination, TimeWindow } from '../destination.ts';

/**
 * Rows that are read at a time: about 2 ms of the event loop. The time has no index, so this counts
 * all rows read, not only those that match.
 */
const pageRows = 2_000;

const selectPage = `
  SELECT event_id, event_name, timestamp FROM events
  WHERE rowid > ?1 AND rowid <= ?2 AND timestamp >= ?3 AND timestamp < ?4`;

/**
 * Reads the rows of a time window over its own connection. Each page is its own transaction: one
 * transaction over all pages would keep the WAL from being copied into the file.
 */
export async function* readWarehouse(
  path: string,
  busyTimeoutMs: number,
  { fromMs, toMs }: TimeWindow,
): AsyncGenerator<EventAtDestination> {
  const database = new DatabaseSync(path, { readOnly: true, timeout: busyTimeoutMs });
  try {
    const bounds = database.prepare('SELECT min(rowid) AS low, max(rowid) AS high FROM events');
    const page = database.prepare(selectPage);
    const [from, to] = [timestampOf(fromMs), timestampOf(toMs)];
    const { low, high } = bounds.get() ?? {};
    for (let row = Number(low ?? 0) - 1; row < Number(high ?? -1); row += pageRows) {
      for (const found of page.all(row, row + pageRows, from, to)) yield asEvent(found);
      await nextTurn();
    }
  } finally {
    database.close();
  }
}

/** In the form of the log, so that it compares as text. */
function timestampOf(ms: number): string {
  return new Date(ms).toISOString();
}

function asEvent(row: Record<string, SQLOutputValue>): EventAtDestination {
  return {
    eventId: String(row['event_id']),
    eventName: String(row['event_name']),
    timestamp: String(row['timestamp']),
  };
}
