import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { StartError } from '../../../errors.ts';
import { inTransaction } from '../../local-files/transaction.ts';
import { openWalDatabase } from '../../local-files/wal-database.ts';
import { directoryOf, type Block, type BlockVersions } from './blocks.ts';

/**
 * The spool is a SQLite database, because its locks and transactions are what lets several processes share it,
 * and be killed.
 *
 * - `blocks` has the events of each batch that are in no file yet.
 * - `lots` has the blocks that are being written into files: one row at most. Whoever finds it, after a crash or in
 *   parallel to another process, writes the same rows to the same files.
 * - `files` numbers the files. Those of the open lot have numbers from `next` on.
 * - `id_segments` and `id_pages` have the ids of events that are in files (ids/kept-ids.ts).
 *
 * 3: a spool of an earlier version (version 1) has each event as a row of `events`. Its events are taken over
 * (earlier-spool.ts), and then its Headgate cannot use it any more.
 */
const schemaVersion = 3;
const earlierVersion = 1;

/** What a spool has, beside the tables of an earlier version. */
export const createTables = `
  CREATE TABLE IF NOT EXISTS spool (id TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS blocks (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    events INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    delivered_at TEXT NOT NULL,
    is_whole INTEGER NOT NULL,
    versions TEXT NOT NULL,
    directory BLOB NOT NULL,
    payloads BLOB NOT NULL
  );
  CREATE TABLE IF NOT EXISTS files (next INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS lots (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    block_min INTEGER NOT NULL,
    block_max INTEGER NOT NULL,
    partition TEXT NOT NULL,
    file_events_max INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS lot_tables (
    event_name TEXT PRIMARY KEY NOT NULL,
    table_name TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS id_segments (
    id INTEGER PRIMARY KEY,
    ids INTEGER NOT NULL,
    oldest INTEGER NOT NULL,
    newest INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS id_pages (
    key INTEGER PRIMARY KEY,
    hashes BLOB NOT NULL,
    ids BLOB NOT NULL
  );`;

/**
 * The WAL may grow to this many pages of 4 KiB, 128 MiB, before it is copied into the file. Most blocks are gone
 * before that: their pages are written to the WAL alone.
 */
const checkpointPages = 32_000;

/** Pages for what is at the end of the tables. In KiB, negative by SQLite's rule. */
const cacheSize = -16_000;

/** Creates the file and its tables if they are missing. Throws a StartError if another program uses it. */
export function createSpool(file: string, busyTimeoutMs: number): DatabaseSync {
  return openWalDatabase(file, busyTimeoutMs, (database) => {
    database.exec(`PRAGMA journal_size_limit = ${checkpointPages * 4096}`);
    prepareSpool(database);
  });
}

/** Throws if the file does not exist: SQLite would create an empty one, without a table. */
export function openSpool(file: string, busyTimeoutMs: number): DatabaseSync {
  if (!existsSync(file)) throw new Error(`the spool ${file} is not there`);
  return new DatabaseSync(file, { timeout: busyTimeoutMs });
}

/**
 * Creates what is missing, and returns the spool's own name, which its files have in their names.
 */
export function prepareSpool(database: DatabaseSync): string {
  // Every connection says so for itself: local-files/wal-database.ts.
  database.exec('PRAGMA synchronous = FULL');
  database.exec(`PRAGMA cache_size = ${cacheSize}`);
  database.exec(`PRAGMA wal_autocheckpoint = ${checkpointPages}`);
  return nameOf(database) ?? inTransaction(database, () => createOrRefuse(database));
}

/** Undefined if something is missing, or the version is another. */
function nameOf(database: DatabaseSync): string | undefined {
  if (versionOf(database) > schemaVersion) return undefined;
  if (!hasTable(database, 'id_pages')) return undefined;
  const found = database.prepare('SELECT id FROM spool').get();
  return found && String(found['id']);
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
}

function createOrRefuse(database: DatabaseSync): string {
  const version = versionOf(database);
  if (version > schemaVersion) {
    throw new StartError(
      `its tables are of version ${version}, and this Headgate knows versions up to ` +
        `${schemaVersion}; start the newer Headgate that wrote it, or give another path`,
    );
  }
  if (version !== earlierVersion && hasTable(database, 'events')) {
    throw new StartError('it has a table "events" of another program; give another path');
  }
  database.exec(createTables);
  if (version === 0) endEarlier(database);
  const found = database.prepare('SELECT id FROM spool').get();
  if (found !== undefined) return String(found['id']);
  const id = randomBytes(4).toString('hex');
  database.prepare('INSERT INTO spool VALUES (?)').run(id);
  return id;
}

/** From now on an earlier Headgate refuses the spool. `lastFile` is the last number that one gave to a file. */
export function endEarlier(database: DatabaseSync, lastFile = 0): void {
  database.prepare('INSERT INTO files VALUES (?)').run(lastFile + 1);
  database.exec(`PRAGMA user_version = ${schemaVersion}`);
}

export function hasTable(database: DatabaseSync, name: string): boolean {
  const table = database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?");
  return table.get(name) !== undefined;
}

/** The caller has the transaction. */
export function insertBlock(
  database: DatabaseSync,
  block: Block,
  about: {
    readonly deliveredAt: string;
    readonly isWhole: boolean;
    readonly versions: BlockVersions;
  },
): void {
  database
    .prepare(
      `INSERT INTO blocks (events, bytes, delivered_at, is_whole, versions, directory, payloads)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      block.events,
      block.payloads.length,
      about.deliveredAt,
      Number(about.isWhole),
      JSON.stringify(about.versions),
      directoryOf(block),
      block.payloads,
    );
}
