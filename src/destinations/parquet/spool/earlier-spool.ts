import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { inTransaction } from '../../local-files/transaction.ts';
import { storedText } from '../stored-text.ts';
import { isWholeRow } from '../whole-row.ts';
import type { PackedBatch } from '../../writer-thread/packed-batch.ts';
import { cutBatch, type StoredBlock } from './blocks.ts';
import { endEarlier, hasTable, insertBlock } from './database.ts';
import { createLotEvents, type LotEvents } from './lot-events.ts';
import type { Partition } from './lots.ts';
import { createOddEvents } from './odd-events.ts';
import type { Part } from './parts.ts';

/** The events that an earlier version was writing into one file. */
export interface EarlierClaim extends Part {
  /** The events of the hour or day up to this row. */
  readonly rowMax: number;
  readonly events: number;
}

/** Rows that are taken over in one transaction: half a second of a batch's `busy_timeout`. */
const takenMax = 20_000;

/** The rows that are in memory at once, apart from the last of them. */
const rowBytesMax = 64 * 1024 * 1024;

const folderOf = (column: string, characters: number): string => `CASE
  WHEN ${column} GLOB '[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:*'
  THEN substr(${column}, 1, ${characters}) ELSE 'unknown' END`;

/** As the earlier version has it in an index. */
const folderBy: Readonly<Record<Partition, string>> = {
  hour: folderOf('timestamp', '2026-03-01T12'.length),
  event_date: folderOf('coalesce(event_time, timestamp)', '2026-03-01'.length),
};

/**
 * Takes over a spool of an earlier version, in which each event is a row of `events`: the file that was begun is
 * written as it was recorded, and all other rows become blocks. Another process may be doing the same, and one of the
 * earlier version may still be adding rows. In the transaction that finds none left, its tables go, so that it
 * cannot write any more: it does not know which events are in files of this version.
 *
 * @param write writes the file of a claim.
 */
export function takeOver(
  database: DatabaseSync,
  nowMs: number,
  write: (claim: EarlierClaim, events: LotEvents) => void,
): void {
  while (hasTable(database, 'events')) {
    const claim = inTransaction(database, () => claimOrTake(database));
    if (claim === undefined) continue;
    const rows = rowsOfClaim(database, claim);
    if (rows.length === claim.events) write(claim, eventsOf(database, rows));
    else if (isOpen(database, claim)) {
      throw new Error(
        `the spool has ${rows.length} events of claim ${claim.id}, not ${claim.events}`,
      );
    }
    finishClaim(database, claim, nowMs);
  }
}

/** The open claim. Without one, takes over some rows, or ends the tables if there are none. */
function claimOrTake(database: DatabaseSync): EarlierClaim | undefined {
  if (!hasTable(database, 'events')) return undefined;
  const claim = hasTable(database, 'claims') ? openClaim(database) : undefined;
  if (claim !== undefined) return claim;
  const rows = rowsAfter(database, -1, takenMax);
  for (const block of blocksOf(database, rows)) insertBlock(database, block, block);
  if (rows.length > 0) {
    database.prepare('DELETE FROM events WHERE rowid <= ?').run(Number(rows.at(-1)!['rowid']));
    return undefined;
  }
  const last = hasTable(database, 'claims') ? lastEarlierFile(database) : 0;
  for (const table of ['events', 'claims', 'claim_tables']) {
    database.exec(`DROP TABLE IF EXISTS ${table}`);
  }
  endEarlier(database, last);
  return undefined;
}

function openClaim(database: DatabaseSync): EarlierClaim | undefined {
  const row = database.prepare('SELECT * FROM claims ORDER BY id DESC LIMIT 1').get();
  return (
    row && {
      id: Number(row['id']),
      // Claims of the first versions have no such column, and are by the hour.
      partition: row['partition'] === 'event_date' ? 'event_date' : 'hour',
      hour: String(row['hour']),
      rowMax: Number(row['row_max']),
      events: Number(row['events']),
      firstSequence: Number(row['first_sequence']),
      lastSequence: Number(row['last_sequence']),
    }
  );
}

function isOpen(database: DatabaseSync, claim: EarlierClaim): boolean {
  if (!hasTable(database, 'claims')) return false;
  return database.prepare('SELECT 1 FROM claims WHERE id = ?').get(claim.id) !== undefined;
}

type Row = Record<string, unknown>;

const ofClaim = ({ partition }: EarlierClaim): string =>
  `FROM events WHERE rowid <= ? AND ${folderBy[partition]} = ?`;

function rowsOfClaim(database: DatabaseSync, claim: EarlierClaim): Row[] {
  if (!hasTable(database, 'events')) return [];
  const select = prepareRows(database, `SELECT * ${ofClaim(claim)} ORDER BY rowid`);
  return select.all(claim.rowMax, claim.hour);
}

function finishClaim(database: DatabaseSync, claim: EarlierClaim, nowMs: number): void {
  inTransaction(database, () => {
    if (!isOpen(database, claim)) return;
    database.prepare('DELETE FROM claims WHERE id = ?').run(claim.id);
    if (hasTable(database, 'claim_tables')) {
      database.prepare('DELETE FROM claim_tables WHERE claim = ?').run(claim.id);
    }
    database
      .prepare(`INSERT OR IGNORE INTO exported SELECT event_id, ? ${ofClaim(claim)}`)
      .run(nowMs, claim.rowMax, claim.hour);
    database.prepare(`DELETE ${ofClaim(claim)}`).run(claim.rowMax, claim.hour);
  });
}

/**
 * The table of each event of a claim, as the earlier version recorded it; others are recorded now.
 */
export function tablesOfClaim(
  database: DatabaseSync,
  claim: EarlierClaim,
  names: ReadonlySet<string>,
  tableOf: (event: string) => string,
): ReadonlyMap<string, string> {
  return inTransaction(database, () => {
    if (!isOpen(database, claim)) return new Map<string, string>();
    database.exec(`CREATE TABLE IF NOT EXISTS claim_tables (
      claim INTEGER NOT NULL,
      event_name TEXT NOT NULL,
      table_name TEXT NOT NULL,
      PRIMARY KEY (claim, event_name)
    ) WITHOUT ROWID`);
    const insert = database.prepare('INSERT OR IGNORE INTO claim_tables VALUES (?, ?, ?)');
    for (const name of names) insert.run(claim.id, name, tableOf(name));
    const rows = database
      .prepare('SELECT event_name, table_name FROM claim_tables WHERE claim = ?')
      .all(claim.id);
    return new Map(rows.map((row) => [String(row['event_name']), String(row['table_name'])]));
  });
}

/** The number of the last file of the earlier version whose events have left the spool. */
export function lastEarlierFile(database: DatabaseSync): number {
  const row = database
    .prepare(
      `SELECT ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'claims'), 0)
         - (SELECT count(*) FROM claims) AS last`,
    )
    .get();
  return Number(row?.['last']);
}

/** The rows of an earlier version that are not taken over yet, in the order in which they came. */
export function* earlierEvents(database: DatabaseSync): Generator<LotEvents> {
  if (!hasTable(database, 'events')) return;
  for (let last: unknown = -1; ;) {
    const rows = rowsAfter(database, last, 2000);
    if (rows.length === 0) return;
    yield eventsOf(database, rows);
    last = rows.at(-1)!['rowid'];
  }
}

function rowsAfter(database: DatabaseSync, last: unknown, max: number): Row[] {
  const select = prepareRows(
    database,
    'SELECT rowid, * FROM events WHERE rowid > ? ORDER BY rowid LIMIT ?',
  );
  const rows: Row[] = [];
  let bytes = 0;
  for (const row of select.iterate(Number(last), max)) {
    rows.push(row);
    bytes += sizeOf(row);
    if (bytes >= rowBytesMax) break;
  }
  return rows;
}

/** Most characters are a byte. */
function sizeOf(row: Row): number {
  let size = 0;
  for (const value of Object.values(row)) if (typeof value === 'string') size += value.length;
  return size;
}

function prepareRows(database: DatabaseSync, sql: string): StatementSync {
  const select = database.prepare(sql);
  // A version may be an integer beyond 2^53, which would throw.
  select.setReadBigInts(true);
  return select;
}

function eventsOf(database: DatabaseSync, rows: readonly Row[]): LotEvents {
  return createLotEvents([...blocksOf(database, rows)], createOddEvents(database));
}

/** A block for each batch that the rows are of. */
function* blocksOf(
  database: DatabaseSync,
  rows: readonly Row[],
): Generator<StoredBlock & { readonly versions: Readonly<Record<string, number>> }> {
  const odd = createOddEvents(database);
  for (let from = 0; from < rows.length;) {
    const { delivered_at: first } = rows[from]!;
    const isWhole = isWholeRow(rows[from]!);
    let to = from + 1;
    while (
      to < rows.length &&
      rows[to]!['delivered_at'] === first &&
      isWholeRow(rows[to]!) === isWhole
    ) {
      to += 1;
    }
    const { blocks, refused } = cutBatch(packRows(rows.slice(from, to), isWhole), odd);
    if (refused.length > 0)
      throw new Error(`an event of the spool is damaged: ${refused[0]!.reason}`);
    for (const { block, versions } of blocks) {
      yield { ...block, deliveredAt: String(first), isWhole, versions };
    }
    from = to;
  }
}

function packRows(rows: readonly Row[], isWhole: boolean): PackedBatch {
  const payloads = rows.map((row) =>
    Buffer.from(isWhole ? String(row['properties']) : storedText(row)),
  );
  let end = 0;
  return {
    bytes: Buffer.concat(payloads),
    ends: Uint32Array.from(payloads, ({ length }) => (end += length)),
    sequences: Float64Array.from(rows, (row) => Number(row['sequence'])),
  };
}
