import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { inTransaction } from '../sqlite/transaction.ts';

/** What decides the folder of an event: the hour of `timestamp`, or the day of `event_time`. */
export type Partition = 'hour' | 'event_date';

/** The events that go into one file, recorded before the file is begun. */
export interface Claim {
  readonly id: number;
  readonly partition: Partition;
  /** `2026-03-01T12`, or `2026-03-01` by the day; `unknown` if the event has no such time. */
  readonly hour: string;
  /** The events of the hour or day up to this row. */
  readonly rowMax: number;
  readonly events: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
}

/** The size of the texts in one file, because a file is built in memory. */
const claimBytesMax = 64 * 1024 * 1024;

/** How many ids one transaction deletes: about 50 ms. */
const forgottenMax = 20_000;

/**
 * The spool is a SQLite warehouse (sqlite/warehouse.ts) with three more tables. An event is in
 * `events` until its file exists, and its id is in `exported` from then on.
 *
 * `claims` numbers the files. One claim is open at a time. Whoever finds it, after a crash or in
 * parallel to another process, writes the same rows to the same file.
 */
const createTables = `
  CREATE TABLE IF NOT EXISTS claims (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hour TEXT NOT NULL,
    row_max INTEGER NOT NULL,
    events INTEGER NOT NULL,
    first_sequence INTEGER NOT NULL,
    last_sequence INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS exported (
    event_id TEXT PRIMARY KEY NOT NULL,
    exported_at INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS claim_tables (
    claim INTEGER NOT NULL,
    event_name TEXT NOT NULL,
    table_name TEXT NOT NULL,
    PRIMARY KEY (claim, event_name)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS spool (id TEXT NOT NULL);`;

/** Never taken from an event as it is, because it becomes the name of a folder. */
const folderOf = (column: string, characters: number): string => `CASE
  WHEN ${column} GLOB '[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:*'
  THEN substr(${column}, 1, ${characters}) ELSE 'unknown' END`;

const folderBy: Readonly<Record<Partition, string>> = {
  hour: folderOf('timestamp', '2026-03-01T12'.length),
  event_date: folderOf('coalesce(event_time, timestamp)', '2026-03-01'.length),
};

/** An import has events of a thousand days, each of which is looked for. */
const createDayIndex = `
  CREATE INDEX IF NOT EXISTS events_by_day ON events (${folderBy.event_date})`;

const notExported = 'NOT EXISTS (SELECT 1 FROM exported WHERE exported.event_id = events.event_id)';

/** Throws if the file does not exist: SQLite would create an empty one, without a table. */
export function openSpool(path: string, busyTimeoutMs: number): DatabaseSync {
  if (!existsSync(path)) throw new Error(`the spool ${path} is not there`);
  const database = new DatabaseSync(path, { timeout: busyTimeoutMs });
  // A claim touches every page of the index of ids. With the 2 MB and the checkpoints that are usual, the end of a
  // claim took 10 µs of CPU an event, and 4 with those of the writer (sqlite/warehouse.ts).
  database.exec('PRAGMA cache_size = -64000; PRAGMA wal_autocheckpoint = 32000');
  return database;
}

/**
 * Creates what is missing, and returns the spool's own name, which its files have in their names.
 */
export function prepareSpool(database: DatabaseSync): string {
  database.exec('PRAGMA synchronous = FULL');
  return inTransaction(database, () => {
    database.exec(createTables);
    addPartition(database);
    const found = database.prepare('SELECT id FROM spool').get();
    if (found !== undefined) return String(found['id']);
    const id = randomBytes(4).toString('hex');
    database.prepare('INSERT INTO spool VALUES (?)').run(id);
    return id;
  });
}

/** Claims of an earlier version are by the hour. */
function addPartition(database: DatabaseSync): void {
  const columns = database.prepare("SELECT 1 FROM pragma_table_info('claims') WHERE name = ?");
  if (columns.get('partition') !== undefined) return;
  database.exec("ALTER TABLE claims ADD COLUMN partition TEXT NOT NULL DEFAULT 'hour'");
}

/** The versions of events that wait, and when the first of each came: RFC 3339. */
export function waitingVersions(
  database: DatabaseSync,
): { readonly event: string; readonly version: number; readonly since: string }[] {
  const versions = database.prepare(`
    SELECT event_name, schema_version, min(delivered_at) AS since FROM events
    WHERE schema_version > 0 GROUP BY 1, 2`);
  return versions.all().map((row) => ({
    event: String(row['event_name']),
    version: Number(row['schema_version']),
    since: String(row['since']),
  }));
}

/** The row of the newest event. */
export function lastRow(database: DatabaseSync): number {
  const row = database.prepare('SELECT ifnull(max(rowid), 0) AS last FROM events').get();
  return Number(row?.['last']);
}

/**
 * The open claim, or a new claim of the oldest waiting events, of rows up to `last`. Undefined if
 * nothing waits.
 */
export function takeClaim(
  database: DatabaseSync,
  eventsMax: number,
  last: number,
  partition: Partition = 'hour',
): Claim | undefined {
  if (partition === 'event_date') database.exec(createDayIndex);
  return inTransaction(database, () => {
    for (;;) {
      const open = database.prepare('SELECT * FROM claims ORDER BY id DESC LIMIT 1').get();
      if (open !== undefined) {
        return {
          id: Number(open['id']),
          partition: open['partition'] === 'event_date' ? 'event_date' : 'hour',
          hour: String(open['hour']),
          rowMax: Number(open['row_max']),
          events: Number(open['events']),
          firstSequence: Number(open['first_sequence']),
          lastSequence: Number(open['last_sequence']),
        };
      }
      const select = `SELECT ${folderBy[partition]} AS hour FROM events WHERE rowid <= ? ORDER BY rowid LIMIT 1`;
      const first = database.prepare(select).get(last);
      if (first === undefined) return undefined;
      makeClaim(database, { partition, hour: String(first['hour']) }, eventsMax, last);
    }
  });
}

/** Makes no claim if everything that it found had been exported before. */
function makeClaim(
  database: DatabaseSync,
  { partition, hour }: Pick<Claim, 'partition' | 'hour'>,
  eventsMax: number,
  last: number,
): void {
  const hourOf = folderBy[partition];
  const waiting = database.prepare(
    `SELECT rowid AS rowid, octet_length(properties) + octet_length(ifnull(context, '')) AS bytes
     FROM events WHERE ${hourOf} = ? AND rowid <= ? ORDER BY rowid LIMIT ?`,
  );
  let rowMax = 0;
  let bytes = 0;
  for (const row of waiting.iterate(hour, last, eventsMax)) {
    bytes += Number(row['bytes'] ?? 0);
    if (rowMax !== 0 && bytes > claimBytesMax) break;
    rowMax = Number(row['rowid']);
  }
  database
    .prepare(`DELETE FROM events WHERE rowid <= ? AND ${hourOf} = ? AND NOT (${notExported})`)
    .run(rowMax, hour);
  // Up to the last remaining row, because the number of a deleted row could be given again.
  database
    .prepare(
      `INSERT INTO claims (partition, hour, row_max, events, first_sequence, last_sequence)
       SELECT ?3, ?2, max(rowid), count(*), min(sequence), max(sequence) FROM events
       WHERE rowid <= ?1 AND ${hourOf} = ?2 HAVING count(*) > 0`,
    )
    .run(rowMax, hour, partition);
}

/** The rows of a claim. Undefined if another process has finished it meanwhile. */
export function readClaim(
  database: DatabaseSync,
  claim: Claim,
): Record<string, unknown>[] | undefined {
  const rows = database
    .prepare(
      `SELECT * FROM events WHERE rowid <= ? AND ${folderBy[claim.partition]} = ? ORDER BY rowid`,
    )
    .all(claim.rowMax, claim.hour);
  if (rows.length === claim.events) return rows;
  const still = database.prepare('SELECT 1 FROM claims WHERE id = ?').get(claim.id);
  if (still === undefined) return undefined;
  throw new Error(`the spool has ${rows.length} events of claim ${claim.id}, not ${claim.events}`);
}

/**
 * The table of each event of a claim, recorded before the first file: if the contract of an event comes
 * between two attempts, the event stays where the first attempt may have written it.
 */
export function tablesOfClaim(
  database: DatabaseSync,
  claim: Claim,
  names: ReadonlySet<string>,
  tableOf: (event: string) => string,
): ReadonlyMap<string, string> {
  return inTransaction(database, () => {
    const insert = database.prepare('INSERT OR IGNORE INTO claim_tables VALUES (?, ?, ?)');
    for (const name of names) insert.run(claim.id, name, tableOf(name));
    const rows = database
      .prepare('SELECT event_name, table_name FROM claim_tables WHERE claim = ?')
      .all(claim.id);
    return new Map(rows.map((row) => [String(row['event_name']), String(row['table_name'])]));
  });
}

/** The file exists: its events leave the spool, and their ids stay. */
export function finishClaim(database: DatabaseSync, claim: Claim, nowMs: number): void {
  inTransaction(database, () => {
    const { changes } = database.prepare('DELETE FROM claims WHERE id = ?').run(claim.id);
    if (changes === 0) return;
    database.prepare('DELETE FROM claim_tables WHERE claim = ?').run(claim.id);
    const rows = `FROM events WHERE rowid <= ? AND ${folderBy[claim.partition]} = ?`;
    database
      // In the order of the index, each page of which is written once.
      .prepare(`INSERT OR IGNORE INTO exported SELECT event_id, ? ${rows} ORDER BY event_id`)
      .run(nowMs, claim.rowMax, claim.hour);
    database.prepare(`DELETE ${rows}`).run(claim.rowMax, claim.hour);
  });
}

/** Deletes ids that were exported before a time. They are stored in the order of that time. */
export function forgetExported(database: DatabaseSync, beforeMs: number): void {
  const oldest = database.prepare('SELECT rowid, exported_at FROM exported ORDER BY rowid LIMIT ?');
  let last = 0;
  for (const row of oldest.iterate(forgottenMax)) {
    if (Number(row['exported_at']) >= beforeMs) break;
    last = Number(row['rowid']);
  }
  if (last > 0) database.prepare('DELETE FROM exported WHERE rowid <= ?').run(last);
}

/** The number of the last file whose events have left the spool. */
export function lastFinished(database: DatabaseSync): number {
  const row = database
    .prepare(
      `SELECT ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'claims'), 0)
         - (SELECT count(*) FROM claims) AS last`,
    )
    .get();
  return Number(row?.['last']);
}

/** The rows of a time window that are in no file yet, within a range of rows. */
export const selectWaiting = `
  SELECT event_id, event_name, timestamp FROM events
  WHERE rowid > ?1 AND rowid <= ?2 AND timestamp >= ?3 AND timestamp < ?4 AND ${notExported}`;
