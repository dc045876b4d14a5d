import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EventAtDestination, TimeWindow } from '../destination.ts';

/**
 * Rows that are read in one go: about 2 ms of the event loop. There is no index on the time, so it
 * is the rows passed over that are counted, not those that match.
 */
const pageRows = 2_000;

const selectPage = `
  SELECT event_id, event_name, timestamp FROM events
  WHERE rowid > ?1 AND rowid <= ?2 AND timestamp >= ?3 AND timestamp < ?4`;

/**
 * The rows of a window of time, over a connection of its own. Each page is a transaction of its own
 * too: one over all of them would keep the WAL from being carried over into the file.
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

/** As the log writes it, so that it compares as text. */
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
