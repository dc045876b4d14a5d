import type { DatabaseSync } from 'node:sqlite';

import { ageMs } from '../../event/time/steady-time.ts';
import { inTransaction } from '../local-files/transaction.ts';
import { openWalDatabase } from '../local-files/wal-database.ts';
import type { DeclaredColumn } from '../described-tables.ts';

/** Rows that are sent in one request, to one place: the same rows at the same offset are stored once. */
export interface Append {
  readonly id: number;
  readonly table: string;
  /** The whole name of a write stream. */
  readonly stream: string;
  /** The place of its first row in the stream. */
  readonly offset: number;
  readonly columns: readonly DeclaredColumn[];
  readonly rows: readonly Row[];
}

export interface Row {
  readonly eventId: string;
  /** A Protobuf message. */
  readonly bytes: Uint8Array;
}

/** An event is one row in each kind of table. */
export type TableKind = 'events' | 'per_event';

/**
 * What was sent where, on the disk before it is sent. After a crash at any point the same rows are sent to
 * the same place again, and BigQuery says if it has them. Several processes on one machine may share it.
 */
export interface Journal {
  /** For each event that is known: its append, if that is not known to be stored; else undefined. */
  find(kind: TableKind, eventIds: readonly string[]): ReadonlyMap<string, number | undefined>;
  /** Appends of a stream that are not known to be stored, in the order of their offsets. */
  pendingOf(stream: string): Append[];
  /** Undefined if it is stored by now. */
  read(id: number): Append | undefined;
  /**
   * `offset`: where the process knows its stream to end. It ends later where another process has sent the rest
   * of its appends. Undefined if another process has one of the events meanwhile.
   */
  add(kind: TableKind, append: Omit<Append, 'id'>): Append | undefined;
  /** BigQuery has the rows. */
  stored(append: Append): void;
  /** Gives it another place, or fewer rows. False if it is not as it was: another process did something. */
  replace(append: Append, by: Append): boolean;
  /** Its rows are in no table: forgets them and their events. */
  abandon(append: Append): void;
  close(): void;
}

const createTables = `
  CREATE TABLE IF NOT EXISTS appends (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    table_name TEXT NOT NULL,
    stream TEXT NOT NULL,
    stream_offset INTEGER NOT NULL,
    columns TEXT NOT NULL,
    event_ids TEXT NOT NULL,
    bytes BLOB NOT NULL
  );
  CREATE INDEX IF NOT EXISTS appends_by_stream ON appends (stream, stream_offset);
  CREATE TABLE IF NOT EXISTS ids (
    event_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    append INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL,
    PRIMARY KEY (event_id, kind)
  );
  CREATE TABLE IF NOT EXISTS stream_ends (
    stream TEXT PRIMARY KEY NOT NULL,
    next_offset INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL
  );`;

/** BigQuery deletes a stream without new rows long before. */
const endsKeptMs = 100 * 24 * 60 * 60 * 1000;

/** How many ids one transaction deletes. */
const forgottenMax = 10_000;

/** Ids are looked for in one statement, by JSON. */
const selectIds = `
  SELECT ids.event_id AS id, ids.append AS append, appends.id AS pending
  FROM json_each(?1) JOIN ids ON ids.event_id = json_each.value AND ids.kind = ?2
  LEFT JOIN appends ON appends.id = ids.append`;

const upsertEnd = `
  INSERT INTO stream_ends VALUES (?, ?, ?) ON CONFLICT (stream) DO UPDATE
  SET next_offset = max(next_offset, excluded.next_offset), seen_ms = excluded.seen_ms`;

/** @param file is created, with its folder. */
export function openJournal(file: string, busyTimeoutMs: number, idsKeptMs: number): Journal {
  const database = openDatabase(file, busyTimeoutMs);
  const find = database.prepare(selectIds);
  const ofStream = database.prepare(
    'SELECT * FROM appends WHERE stream = ? ORDER BY stream_offset',
  );
  const ofId = database.prepare('SELECT * FROM appends WHERE id = ?');
  const remove = database.prepare('DELETE FROM appends WHERE id = ?');
  const removeId = database.prepare('DELETE FROM ids WHERE event_id = ? AND append = ?');
  const endOf = database.prepare('SELECT next_offset FROM stream_ends WHERE stream = ?');
  const setEnd = database.prepare(upsertEnd);
  const removeIds = (id: number, rows: readonly Row[]): void => {
    for (const { eventId } of rows) removeId.run(eventId, id);
  };
  return {
    find(kind, eventIds) {
      const rows = find.all(JSON.stringify(eventIds), kind);
      return new Map(
        rows.map((row) => [
          String(row['id']),
          row['pending'] === null ? undefined : Number(row['pending']),
        ]),
      );
    },
    pendingOf: (stream) => ofStream.all(stream).map(appendOf),
    read(id) {
      const row = ofId.get(id);
      return row === undefined ? undefined : appendOf(row);
    },
    add: (kind, append) =>
      inTransaction(database, () => {
        const eventIds = append.rows.map(({ eventId }) => eventId);
        if (find.get(JSON.stringify(eventIds), kind) !== undefined) return undefined;
        forget(database, idsKeptMs);
        const end = Number(endOf.get(append.stream)?.['next_offset'] ?? 0);
        return insertAppend(database, kind, { ...append, offset: Math.max(append.offset, end) });
      }),
    stored: ({ id, stream, offset, rows }) =>
      inTransaction(database, () => {
        remove.run(id);
        setEnd.run(stream, offset + rows.length, Date.now());
      }),
    replace: (append, by) =>
      inTransaction(database, () => {
        if (!updateAppend(database, append, by)) return false;
        const kept = new Set(by.rows.map(({ eventId }) => eventId));
        const left = append.rows.filter(({ eventId }) => !kept.has(eventId));
        removeIds(append.id, left);
        if (by.rows.length === 0) remove.run(append.id);
        return true;
      }),
    abandon: ({ id, rows }) =>
      inTransaction(database, () => {
        removeIds(id, rows);
        remove.run(id);
      }),
    close: () => database.close(),
  };
}

function openDatabase(file: string, busyTimeoutMs: number): DatabaseSync {
  return openWalDatabase(file, busyTimeoutMs, (database) => {
    inTransaction(database, () => database.exec(createTables));
  });
}

function insertAppend(database: DatabaseSync, kind: TableKind, append: Omit<Append, 'id'>): Append {
  const { table, stream, offset, columns, rows } = append;
  const { lastInsertRowid } = database
    .prepare(
      `INSERT INTO appends (kind, table_name, stream, stream_offset, columns, event_ids, bytes)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(kind, table, stream, offset, JSON.stringify(columns), idsOf(append), joined(rows));
  const id = Number(lastInsertRowid);
  const insertId = database.prepare('INSERT INTO ids VALUES (?, ?, ?, ?)');
  for (const { eventId } of rows) insertId.run(eventId, kind, id, Date.now());
  return { ...append, id };
}

/** False if it is not as it was. */
function updateAppend(database: DatabaseSync, append: Append, by: Append): boolean {
  const { id, stream, offset } = append;
  const { changes } = database
    .prepare(
      `UPDATE appends SET stream = ?, stream_offset = ?, event_ids = ?, bytes = ?
       WHERE id = ? AND stream = ? AND stream_offset = ? AND event_ids = ?`,
    )
    .run(by.stream, by.offset, idsOf(by), joined(by.rows), id, stream, offset, idsOf(append));
  return changes !== 0;
}

function idsOf({ rows }: Pick<Append, 'rows'>): string {
  return JSON.stringify(rows.map(({ eventId }) => eventId));
}

/** Ids are stored in the order of their times. */
function forget(database: DatabaseSync, idsKeptMs: number): void {
  const oldest = database.prepare('SELECT rowid, seen_ms FROM ids ORDER BY rowid LIMIT ?');
  let last = 0;
  for (const row of oldest.iterate(forgottenMax)) {
    if (ageMs(Number(row['seen_ms'])) < idsKeptMs) break;
    last = Number(row['rowid']);
  }
  if (last > 0) database.prepare('DELETE FROM ids WHERE rowid <= ?').run(last);
  const oldestMs = Date.now() - Math.max(idsKeptMs, endsKeptMs);
  database.prepare('DELETE FROM stream_ends WHERE seen_ms < ?').run(oldestMs);
}

const lengthBytes = 4;

/** Each row with its length before it. */
function joined(rows: readonly Row[]): Buffer {
  return Buffer.concat(
    rows.flatMap(({ bytes }) => {
      const length = Buffer.alloc(lengthBytes);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );
}

function appendOf(row: Record<string, unknown>): Append {
  const bytes = row['bytes'] as Uint8Array;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const rows = (JSON.parse(String(row['event_ids'])) as string[]).map((eventId): Row => {
    const from = at + lengthBytes;
    at = from + view.getUint32(at);
    return { eventId, bytes: bytes.subarray(from, at) };
  });
  return {
    id: Number(row['id']),
    table: String(row['table_name']),
    stream: String(row['stream']),
    offset: Number(row['stream_offset']),
    columns: JSON.parse(String(row['columns'])) as DeclaredColumn[],
    rows,
  };
}
