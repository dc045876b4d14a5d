import { closeSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { StartError } from '../../errors.ts';
import type { EventContract } from '../../event/contracts/event-contract.ts';
import { olderEventTime } from '../older-event-time.ts';
import type { TableMode } from '../tables/table-mode.ts';
import { createTypedTables, readTypedEvent, type TypedTables } from './typed-tables.ts';

/**
 * Increase it, with a step in `migrate`, whenever the table changes so that an earlier version cannot
 * use it. A new column is no such change: `addColumns`.
 */
const schemaVersion = 1;

/**
 * The WAL may grow to this many pages of 4 KiB, 128 MiB, before it is copied into the file.
 * Event ids are random, so each batch touches pages all over their index; the longer the WAL, the
 * more often one write of a page serves several batches. Measured at 300,000 rows: 22,000 rows/s
 * with SQLite's 1,000 pages, 45,000 with 16,000; at 1,200,000 rows 39,600 with 16,000, 46,500 with 64,000.
 */
const checkpointPages = 32_000;
const walBytesMax = checkpointPages * 4096;

/**
 * The page cache holds the id index of about a million events. In KiB, negative by SQLite's rule.
 */
const cacheSize = -64_000;

/**
 * A rowid table: with WITHOUT ROWID, complete rows lie in random order, at less than half the
 * speed.
 */
const createTable = `
  CREATE TABLE events (
    event_id TEXT PRIMARY KEY NOT NULL,
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
    event_time TEXT
  )`;

/** Of an old table it holds nothing but the new rows. */
const createIndex = `CREATE INDEX IF NOT EXISTS events_by_time ON events (event_time)
  WHERE event_time IS NOT NULL`;

/**
 * SQLite parses the event itself: it copies numbers as text, so that none is rounded, and is as
 * fast as JSON.parse with seventeen bindings. `->` keeps JSON, `->>` returns the plain text.
 *
 * ON CONFLICT rather than OR IGNORE, which would also silently skip a row that lacks a value.
 */
const insertEvent = `
  INSERT INTO events (
    event_id, event_name, source, timestamp, user_id, anonymous_id, idempotency_key,
    schema_version, properties, context, occurred_at, sent_at, correlation_id, traceparent,
    warnings, sequence, delivered_at, event_time)
  SELECT
    e->>'$.eventId', e->>'$.eventName', e->>'$.source', e->>'$.timestamp', e->>'$.userId',
    e->>'$.anonymousId', e->>'$.idempotencyKey', e->>'$.schemaVersion', e->'$.properties',
    e->'$.context', e->>'$.occurredAt', e->>'$.sentAt', e->>'$.correlationId',
    e->>'$.traceparent', e->'$.warnings', ?2, ?3, ifnull(?4, e->>'$.eventTime')
  FROM (SELECT ?1 AS e)
  WHERE true
  ON CONFLICT (event_id) DO NOTHING`;

/** Events of one batch, end to end in one buffer. */
export interface PackedBatch {
  readonly bytes: Uint8Array;
  /** Where each event's payload ends. */
  readonly ends: Uint32Array;
  readonly sequences: Float64Array;
}

/** An event that this table can never store. */
export interface RefusedEvent {
  readonly index: number;
  readonly reason: string;
}

export interface Warehouse {
  /** The contracts of the events, for tables with typed columns. */
  use(contracts: readonly EventContract[]): void;
  /** One transaction: if it throws, nothing of the batch is in the table. */
  write(batch: PackedBatch): RefusedEvent[];
  close(): void;
}

/**
 * Opens the file. Creates it and its table if they are missing.
 *
 * @param isIndexed whether rows are looked for by their time.
 */
export function openWarehouse(
  path: string,
  busyTimeoutMs: number,
  isIndexed = true,
  { mode, prefix }: { readonly mode: TableMode; readonly prefix: string } = onlyEvents,
): Warehouse {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // SQLite would let everyone read it. Its WAL gets the same mode.
  closeSync(openSync(path, 'a', 0o600));
  const database = new DatabaseSync(path, { timeout: busyTimeoutMs });
  try {
    prepareDatabase(database, isIndexed);
    syncFolder(dirname(path));
    const insert = mode === 'per_event' ? undefined : database.prepare(insertEvent);
    const typed = mode === 'events' ? undefined : createTypedTables(database, prefix);
    const opened = fileIdentity(path);
    const write = (batch: PackedBatch): RefusedEvent[] => {
      // SQLite continues to write into a deleted file, and everything would be lost.
      if (fileIdentity(path) !== opened) throw new Error('the database file was moved or deleted');
      return writeBatch(database, { insert, typed }, batch);
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

/** A file survives a power cut only once its folder is synced. */
function syncFolder(folder: string): void {
  // Windows neither needs this nor can do it.
  if (process.platform === 'win32') return;
  const descriptor = openSync(folder, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}

function prepareDatabase(database: DatabaseSync, isIndexed: boolean): void {
  database.exec(`PRAGMA cache_size = ${cacheSize}`);
  database.exec('PRAGMA journal_mode = WAL');
  // FULL syncs the WAL on every commit. NORMAL leaves that to the kernel: a power cut could take
  // events whose acknowledgement the log had already on disk, and those would never come again. At
  // 500 events a commit both write the same number of rows a second here.
  database.exec('PRAGMA synchronous = FULL');
  database.exec(`PRAGMA wal_autocheckpoint = ${checkpointPages}`);
  database.exec(`PRAGMA journal_size_limit = ${walBytesMax}`);
  if (readSchemaVersion(database) !== schemaVersion) migrate(database);
  addColumns(database, isIndexed);
}

/**
 * What a table of an earlier version lacks. That version goes on working with the table, because its
 * statements name their columns.
 */
function addColumns(database: DatabaseSync, isIndexed: boolean): void {
  if (isComplete(database, isIndexed)) return;
  // IMMEDIATE, and looked at again: another process may be doing the same.
  database.exec('BEGIN IMMEDIATE');
  try {
    if (!hasColumn(database)) database.exec('ALTER TABLE events ADD COLUMN event_time TEXT');
    if (isIndexed) database.exec(createIndex);
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function isComplete(database: DatabaseSync, isIndexed: boolean): boolean {
  const index = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'events_by_time'");
  return hasColumn(database) && (!isIndexed || index.get() !== undefined);
}

function hasColumn(database: DatabaseSync): boolean {
  const columns = database.prepare("SELECT 1 FROM pragma_table_info('events') WHERE name = ?");
  return columns.get('event_time') !== undefined;
}

function readSchemaVersion(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
}

function migrate(database: DatabaseSync): void {
  // IMMEDIATE, and the version read again: another process may be creating the same file.
  database.exec('BEGIN IMMEDIATE');
  try {
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
    }
    database.exec(`PRAGMA user_version = ${schemaVersion}`);
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

const decoder = new TextDecoder();

/** Where rows go: one of them, or both. */
interface RowWriters {
  readonly insert: StatementSync | undefined;
  readonly typed: TypedTables | undefined;
}

function writeBatch(
  database: DatabaseSync,
  { insert, typed }: RowWriters,
  batch: PackedBatch,
): RefusedEvent[] {
  const deliveredAt = new Date().toISOString();
  const refused: RefusedEvent[] = [];
  let start = 0;
  database.exec('BEGIN IMMEDIATE');
  try {
    typed?.begin();
    for (let index = 0; index < batch.ends.length; index += 1) {
      const end = batch.ends[index] ?? start;
      const payload = decoder.decode(batch.bytes.subarray(start, end));
      start = end;
      const sequence = batch.sequences[index] ?? 0;
      const event = typed === undefined ? undefined : readTypedEvent(payload);
      if (event !== undefined && 'refused' in event) {
        refused.push({ index, reason: event.refused });
        continue;
      }
      try {
        insert?.run(payload, sequence, deliveredAt, olderEventTime(payload));
      } catch (error) {
        const reason = refusalReason(database, payload, error);
        if (reason === undefined) throw error;
        refused.push({ index, reason });
        continue;
      }
      if (event !== undefined) typed?.insert(event, { sequence, deliveredAt });
    }
    database.exec('COMMIT');
    return refused;
  } catch (error) {
    typed?.forget();
    // A full disk may have ended the transaction already.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
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
