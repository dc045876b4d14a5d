import type { DatabaseSync } from 'node:sqlite';
import { inTransaction } from '../../local-files/transaction.ts';
import { readDirectory, type BlockVersions, type StoredBlock } from './blocks.ts';
import { hasTable } from './database.ts';
import { forgetExported } from './forget-exported.ts';
import type { KeptIds } from '../ids/kept-ids.ts';
import { createLotEvents, type LotEvents } from './lot-events.ts';
import { createOddEvents } from './odd-events.ts';
import { idBytes, markRepeated, sortIds, writeId, type SortedIds } from '../ids/sorted-ids.ts';

/** What decides the folder of an event: the hour of `timestamp`, or the day of `event_time`. */
export type Partition = 'hour' | 'event_date';

/** Blocks that are written into files together, recorded before the first file is begun. */
export interface Lot {
  readonly id: number;
  readonly blockMin: number;
  readonly blockMax: number;
  readonly partition: Partition;
  readonly fileEventsMax: number;
}

/** The payloads of one lot, because it is in memory. */
const lotBytesMax = 64 * 1024 * 1024;

/** The number of the newest block. */
export function lastBlock(database: DatabaseSync): number {
  const row = database.prepare('SELECT ifnull(max(number), 0) AS last FROM blocks').get();
  return Number(row?.['last']);
}

/** The versions of events that wait, and when the first of each came: RFC 3339. */
export function waitingVersions(
  database: DatabaseSync,
): { readonly event: string; readonly version: number; readonly since: string }[] {
  const rows = database
    .prepare("SELECT versions, delivered_at FROM blocks WHERE versions <> '{}' ORDER BY number")
    .all();
  const found = new Map<string, { event: string; version: number; since: string }>();
  for (const row of rows) {
    const versions = JSON.parse(String(row['versions'])) as BlockVersions;
    for (const [event, version] of Object.entries(versions)) {
      const key = `${version} ${event}`;
      if (!found.has(key)) found.set(key, { event, version, since: String(row['delivered_at']) });
    }
  }
  return [...found.values()];
}

/**
 * The open lot, or a new lot of the oldest waiting blocks, up to the block `last`. Undefined if nothing waits.
 */
export function takeLot(
  database: DatabaseSync,
  fileEventsMax: number,
  last: number,
  partition: Partition = 'hour',
): Lot | undefined {
  return (
    openLot(database) ??
    inTransaction(database, () => {
      const open = openLot(database);
      if (open !== undefined) return open;
      const waiting = database.prepare(
        'SELECT number, events, bytes FROM blocks WHERE number <= ? ORDER BY number',
      );
      let blocks: { readonly min: number; readonly max: number } | undefined;
      let [events, bytes] = [0, 0];
      for (const row of waiting.iterate(last)) {
        events += Number(row['events']);
        bytes += Number(row['bytes']);
        if (blocks !== undefined && (events > fileEventsMax || bytes > lotBytesMax)) break;
        const number = Number(row['number']);
        blocks = { min: blocks?.min ?? number, max: number };
      }
      if (blocks === undefined) return undefined;
      database
        .prepare(
          'INSERT INTO lots (block_min, block_max, partition, file_events_max) VALUES (?, ?, ?, ?)',
        )
        .run(blocks.min, blocks.max, partition, fileEventsMax);
      return openLot(database);
    })
  );
}

function openLot(database: DatabaseSync): Lot | undefined {
  const row = database.prepare('SELECT * FROM lots').get();
  return (
    row && {
      id: Number(row['id']),
      blockMin: Number(row['block_min']),
      blockMax: Number(row['block_max']),
      partition: row['partition'] === 'event_date' ? 'event_date' : 'hour',
      fileEventsMax: Number(row['file_events_max']),
    }
  );
}

/** A lot as all processes read it. */
export interface ReadLot {
  readonly events: LotEvents;
  readonly ids: SortedIds;
  /** 1 for each event that is a second copy. */
  readonly isSecond: Uint8Array;
  /** The number of its first file. */
  readonly firstFile: number;
}

/**
 * Reads a lot at one moment, so that what is in its files is the same for every process that finds it. Undefined if
 * another process has finished it meanwhile.
 */
export function readLot(database: DatabaseSync, lot: Lot, kept: KeptIds): ReadLot | undefined {
  database.exec('BEGIN');
  try {
    if (!isOpen(database, lot)) return undefined;
    const blocks = [...readBlocks(database, lot.blockMin, lot.blockMax)];
    if (blocks.length === 0) throw new Error(`the spool has no events of lot ${lot.id}`);
    const events = createLotEvents(blocks, createOddEvents(database));
    const { ids, isSecond } = secondCopies(database, events, kept);
    return { events, ids, isSecond, firstFile: nextFile(database) };
  } finally {
    database.exec('COMMIT');
  }
}

/** Whether no other process has finished it. */
export function isOpen(database: DatabaseSync, lot: Lot): boolean {
  return database.prepare('SELECT 1 FROM lots WHERE id = ?').get(lot.id) !== undefined;
}

/** Throws if one is damaged. */
export function* readBlocks(
  database: DatabaseSync,
  min: number,
  max: number,
): Generator<StoredBlock & { readonly number: number }> {
  const select = database.prepare(
    'SELECT * FROM blocks WHERE number >= ? AND number <= ? ORDER BY number',
  );
  for (const row of select.iterate(min, max)) {
    const number = Number(row['number']);
    try {
      const [directory, payloads] = [row['directory'], row['payloads']] as Uint8Array[];
      const block = readDirectory(Number(row['events']), directory!, payloads!);
      const deliveredAt = String(row['delivered_at']);
      yield { ...block, number, deliveredAt, isWhole: row['is_whole'] === 1 };
    } catch (error) {
      throw new Error(`block ${number} of the spool cannot be read: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
}

/** Which events came before: in the lot itself, or in files that were written within `ids_kept`. */
export function secondCopies(
  database: DatabaseSync,
  events: LotEvents,
  kept: KeptIds,
): { readonly ids: SortedIds; readonly isSecond: Uint8Array } {
  const isSecond = new Uint8Array(events.count);
  const ids = sortIds(idsOf(events));
  markRepeated(ids, isSecond);
  kept.find(ids, isSecond);
  markExported(database, events, isSecond);
  return { ids, isSecond };
}

/** `idBytes` for each event. */
export function idsOf(events: LotEvents): Uint8Array<ArrayBuffer> {
  const raw = new Uint8Array(events.count * idBytes);
  for (let place = 0; place < events.count; place += 1) {
    events.go(place);
    const { bytes, start, end } = events.part('eventId');
    writeId(raw, place, bytes, start, end);
  }
  return raw;
}

/** Ids that an earlier version has kept are in `exported`, until `ids_kept` is over. */
export function markExported(
  database: DatabaseSync,
  events: LotEvents,
  isSecond: Uint8Array,
): void {
  if (!hasTable(database, 'exported')) return;
  const exported = database.prepare('SELECT 1 FROM exported WHERE event_id = ?');
  for (let place = 0; place < events.count; place += 1) {
    events.go(place);
    if (exported.get(events.text('eventId')) !== undefined) isSecond[place] = 1;
  }
}

/**
 * The table of each name of events in a lot, recorded before the first file: if the contract of an event comes
 * between two attempts, the event stays where the first attempt may have written it.
 */
export function tablesOfLot(
  database: DatabaseSync,
  lot: Lot,
  names: ReadonlySet<string>,
  tableOf: (event: string) => string,
): ReadonlyMap<string, string> {
  return inTransaction(database, () => {
    if (!isOpen(database, lot)) return new Map<string, string>();
    const insert = database.prepare('INSERT OR IGNORE INTO lot_tables VALUES (?, ?)');
    for (const name of names) insert.run(name, tableOf(name));
    const rows = database.prepare('SELECT event_name, table_name FROM lot_tables').all();
    return new Map(rows.map((row) => [String(row['event_name']), String(row['table_name'])]));
  });
}

/** All files exist: the events leave the spool, and their ids stay. */
export function finishLot(
  database: DatabaseSync,
  lot: Lot,
  read: ReadLot & { readonly files: number },
  { kept, nowMs }: { readonly kept: KeptIds; readonly nowMs: number },
): void {
  const merged = kept.merge(read.ids, read.isSecond, nowMs);
  inTransaction(database, () => {
    const { changes } = database.prepare('DELETE FROM lots WHERE id = ?').run(lot.id);
    if (changes === 0) return;
    database.exec('DELETE FROM lot_tables');
    database
      .prepare('DELETE FROM blocks WHERE number >= ? AND number <= ?')
      .run(lot.blockMin, lot.blockMax);
    database.prepare('UPDATE files SET next = ?').run(read.firstFile + read.files);
    if (merged !== undefined) kept.keep(merged);
  });
}

/**
 * Deletes ids of events that were written into files before a time. While a lot is open, all ids stay: whoever writes
 * that lot once more has to find the same second copies, or two files of it have one event.
 */
export function forgetIds(database: DatabaseSync, kept: KeptIds, beforeMs: number): void {
  inTransaction(database, () => {
    if (openLot(database) !== undefined) return;
    kept.forget(beforeMs);
    forgetExported(database, beforeMs);
  });
}

/** The number that the next file gets. */
export function nextFile(database: DatabaseSync): number {
  return Number(database.prepare('SELECT next FROM files').get()?.['next'] ?? 1);
}
