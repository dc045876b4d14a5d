import { statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';

import { StartError } from '../../errors.ts';
import type { EventContract } from '../../event/contracts/event-contract.ts';
import type { TableMode } from '../tables/table-mode.ts';
import { createKeyedRows, createNumberedRows, expectedKeys, type EventRows } from './event-rows.ts';
import { createIdTables, eventIdTables, restoreIdTables } from './id-index.ts';
import { inTransaction } from '../local-files/transaction.ts';
import { openWalDatabase } from '../local-files/wal-database.ts';
import { createTypedTables, type TypedTables } from './typed-tables.ts';
import type { PackedBatch, RefusedEvent } from '../writer-thread/packed-batch.ts';

/**
 * Increase it whenever the table changes so that an earlier version cannot use it. A new column is no such
 * change: `addColumns`.
 *
 * 1: the primary key is `event_id`. A file keeps this table, because only a copy of all rows could change
 * it. 2: the primary key is `number`, and an index beside
 * the table has the ids (id-index.ts).
 */
const schemaVersion = 2;
const keyedVersion = 1;

/**
 * The WAL may grow to this many pages of 4 KiB, 128 MiB, before it is copied into the file. With the key
 * `event_id`, which is random, each batch touches pages all over its index; the longer the WAL, the
 * more often one write of a page serves several batches. Measured at 300,000 rows: 22,000 rows/s
 * with SQLite's 1,000 pages, 45,000 with 16,000; at 1,200,000 rows 39,600 with 16,000, 46,500 with 64,000.
 */
const checkpointPages = 32_000;
const walBytesMax = checkpointPages * 4096;

/**
 * The page cache holds the index of the ids of a million events, or of four million by their keys. In KiB, negative by SQLite's rule.
 */
const cacheSize = -64_000;

/**
 * A rowid table: with WITHOUT ROWID, complete rows lie in random order, at less than half the
 * speed. AUTOINCREMENT: a row that somebody inserts by hand never gets the number of a deleted one, or the
 * index would take it for known.
 */
const createTable = `
  CREATE TABLE events (
    event_id TEXT NOT NULL,
    event_name TEXT NOT NULL,
    source TEXT NOT NULL,
    timestamp TEXT NOT NULL,
    user_id TEXT,
    anonymous_id TEXT,
    idempotency_key TEXT NOT NULL,
    schema_version INTEGER,
    properties TEXT,
    context TEXT,
    occurred_at TEXT,
    sent_at TEXT,
    correlation_id TEXT,
    traceparent TEXT,
    sequence INTEGER NOT NULL,
    warnings TEXT,
    delivered_at TEXT NOT NULL,
    event_time TEXT,
    number INTEGER PRIMARY KEY AUTOINCREMENT
  );
  ${createIdTables(eventIdTables)}`;

/** Of an old table it holds nothing but the new rows. */
const createIndex = `CREATE INDEX IF NOT EXISTS events_by_time ON events (event_time)
  WHERE event_time IS NOT NULL`;

export interface Warehouse {
  /** The contracts of the events, for tables with typed columns. */
  use(contracts: readonly EventContract[]): void;
  /** One transaction: if it throws, nothing of the batch is in the table. */
  write(batch: PackedBatch): RefusedEvent[];
  close(): void;
}

/** Opens the file. Creates it and its table if they are missing. */
export function openWarehouse(
  path: string,
  busyTimeoutMs: number,
  { mode, prefix }: { readonly mode: TableMode; readonly prefix: string } = onlyEvents,
): Warehouse {
  const database = openWalDatabase(path, busyTimeoutMs, prepareDatabase);
  try {
    const rows = mode === 'per_event' ? undefined : createRows(database);
    const typed = mode === 'events' ? undefined : createTypedTables(database, prefix);
    const opened = fileIdentity(path);
    const write = (batch: PackedBatch): RefusedEvent[] => {
      // SQLite continues to write into a deleted file, and everything would be lost.
      if (fileIdentity(path) !== opened) throw new Error('the database file was moved or deleted');
      return writeBatch(database, { rows, typed }, batch);
    };
    return { use: (contracts) => typed?.use(contracts), write, close: () => database.close() };
  } catch (error) {
    database.close();
    throw error;
  }
}

const onlyEvents = { mode: 'events', prefix: '' } as const;

function fileIdentity(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat && `${stat.dev}:${stat.ino}`;
}

function prepareDatabase(database: DatabaseSync): void {
  database.exec(`PRAGMA cache_size = ${cacheSize}`);
  database.exec(`PRAGMA wal_autocheckpoint = ${checkpointPages}`);
  database.exec(`PRAGMA journal_size_limit = ${walBytesMax}`);
  const version = readSchemaVersion(database);
  if (version !== schemaVersion && version !== keyedVersion) {
    createOrRefuse(database);
  }
  if (readSchemaVersion(database) === schemaVersion) restoreIdTables(database, eventIdTables);
  addColumns(database);
}

/**
 * What a table of an earlier version lacks. That version goes on working with the table, because its
 * statements name their columns.
 */
function addColumns(database: DatabaseSync): void {
  if (isComplete(database)) return;
  inTransaction(database, () => {
    if (!hasColumn(database)) database.exec('ALTER TABLE events ADD COLUMN event_time TEXT');
    database.exec(createIndex);
  });
}

function isComplete(database: DatabaseSync): boolean {
  const index = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'events_by_time'");
  return hasColumn(database) && index.get() !== undefined;
}

function hasColumn(database: DatabaseSync): boolean {
  const columns = database.prepare("SELECT 1 FROM pragma_table_info('events') WHERE name = ?");
  return columns.get('event_time') !== undefined;
}

function readSchemaVersion(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
}

function createOrRefuse(database: DatabaseSync): void {
  inTransaction(database, () => {
    // Read again: another process may have created the same file.
    const version = readSchemaVersion(database);
    if (version > schemaVersion) {
      throw new StartError(
        `its table is of version ${version}, and this Headgate knows versions up to ` +
          `${schemaVersion}; start the newer Headgate that wrote it, or give another path`,
      );
    }
    if (version === 0) {
      const taken = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'events'").get();
      if (taken) {
        throw new StartError('it has a table "events" of another program; give another path');
      }
      database.exec(createTable);
      database.exec(`PRAGMA user_version = ${schemaVersion}`);
    }
  });
}

const decoder = new TextDecoder();

/** Where rows go: one of them, or both. */
interface RowWriters {
  readonly rows: EventRows | undefined;
  readonly typed: TypedTables | undefined;
}

function createRows(database: DatabaseSync): EventRows {
  const isKeyed = readSchemaVersion(database) === keyedVersion;
  return isKeyed ? createKeyedRows(database) : createNumberedRows(database);
}

function writeBatch(
  database: DatabaseSync,
  { rows, typed }: RowWriters,
  batch: PackedBatch,
): RefusedEvent[] {
  const deliveredAt = new Date().toISOString();
  const refused: RefusedEvent[] = [];
  const { buffer, byteOffset } = batch.bytes;
  let start = 0;
  database.exec('BEGIN IMMEDIATE');
  try {
    const keys = expectedKeys(batch.bytes, batch.ends);
    rows?.begin(keys);
    typed?.begin(keys);
    for (let index = 0; index < batch.ends.length; index += 1) {
      const end = batch.ends[index] ?? start;
      const payload = Buffer.from(buffer, byteOffset + start, end - start);
      start = end;
      const sequence = batch.sequences[index] ?? 0;
      const row = typed?.read(payload, { sequence, deliveredAt });
      if (typeof row === 'string') {
        refused.push({ index, reason: row });
        continue;
      }
      const reason =
        rows && insertText(database, rows, decoder.decode(payload), sequence, deliveredAt);
      if (reason === undefined) {
        if (row !== undefined) typed?.insert(row);
      } else refused.push({ index, reason });
    }
    rows?.end();
    typed?.end();
    database.exec('COMMIT');
    return refused;
  } catch (error) {
    rows?.forget();
    typed?.forget();
    // A full disk may have ended the transaction already.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** Returns the reason why the event can never be a row. */
function insertText(
  database: DatabaseSync,
  rows: EventRows,
  payload: string,
  sequence: number,
  deliveredAt: string,
): string | undefined {
  try {
    rows.insert(payload, sequence, deliveredAt);
    return undefined;
  } catch (error) {
    const reason = refusalReason(database, payload, error);
    if (reason === undefined) throw error;
    return reason;
  }
}

/** Result codes of https://www.sqlite.org/rescode.html; node:sqlite gives the extended ones. */
const sqliteError = 1;
const sqliteTooBig = 18;
const sqliteNotNull = 1299;

/**
 * Why an event can never be a row, or undefined where the fault is not the event's. Code 1 alone
 * says too little: it stands for text that is no JSON, and for a dropped table as well.
 */
function refusalReason(
  database: DatabaseSync,
  payload: string,
  error: unknown,
): string | undefined {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  if (code === sqliteTooBig) return 'the event is larger than a value of SQLite can be';
  if (code === sqliteNotNull) return `not a stored event: ${(error as Error).message}`;
  if (code !== sqliteError) return undefined;
  const row = database.prepare('SELECT json_valid(?) AS valid').get(payload);
  return row?.['valid'] === 0 ? 'the payload is not JSON that SQLite can read' : undefined;
}
