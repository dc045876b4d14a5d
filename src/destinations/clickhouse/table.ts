import { eventTimeColumn, rowColumns } from './rows/event-row.ts';

const name = /^[a-zA-Z_][a-zA-Z0-9_]{0,62}$/;

/** The quoted name. Undefined if it is not a valid name. */
export function quoteName(text: string): string | undefined {
  return name.test(text) ? `\`${text}\`` : undefined;
}

/**
 * ReplacingMergeTree keeps one of the rows with the same key, within a partition. So neither the key
 * nor the partition may contain a time of ours: a copy that the log accepts after its dedup window
 * has a new `timestamp`, in another month if it comes late enough. Identity is the event's id, under
 * its name, which queries filter by (docs/adr/0033-identity-without-a-clock.md).
 *
 * `first_wins` is the version. It is the larger the earlier the timestamp, so the first copy stays,
 * as in the other warehouses, in whatever order the rows are written.
 *
 * The window is the number of inserts whose tokens are remembered. The default is zero: none.
 */
export function createTable(table: string): string {
  return `
    CREATE TABLE IF NOT EXISTS ${table} (
      ${rowColumns.map((column) => `${column.join(' ')},`).join('\n      ')}
      delivered_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
      ${eventTimeColumn.join(' ')},
      INDEX by_event_time event_time TYPE minmax GRANULARITY 1,
      first_wins UInt64 MATERIALIZED toUInt64(20000000000000 - toUnixTimestamp64Milli(timestamp))
    )
    ENGINE = ReplacingMergeTree(first_wins)
    ORDER BY (event_name, event_id)
    SETTINGS non_replicated_deduplication_window = 1000`;
}

/** The column that tables of earlier versions lack. Rows and keys stay as they are. */
export function addEventTime(table: string): string {
  return `
    ALTER TABLE ${table}
      ADD COLUMN IF NOT EXISTS ${eventTimeColumn.join(' ')},
      ADD INDEX IF NOT EXISTS by_event_time event_time TYPE minmax GRANULARITY 1`;
}

/** Selects a time window. FINAL leaves one row of each key. */
export function selectWindow(table: string, from: Date, to: Date): string {
  return `
    SELECT toString(event_id) AS eventId, event_name AS eventName,
      toUnixTimestamp64Milli(timestamp) AS ms
    FROM ${table} FINAL
    WHERE timestamp >= toDateTime64('${textOf(from)}', 3, 'UTC')
      AND timestamp < toDateTime64('${textOf(to)}', 3, 'UTC')`;
}

/** As ClickHouse reads a time in every mode. */
function textOf(time: Date): string {
  return time.toISOString().replace('T', ' ').replace('Z', '');
}
