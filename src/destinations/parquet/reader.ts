import { openSync, closeSync, readSync, fstatSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { zstdDecompressSync } from 'node:zlib';
import { parquetMetadataAsync, parquetReadObjects, type AsyncBuffer } from 'hyparquet';
import type { EventAtDestination, TimeWindow } from '../destination.ts';
import { readFileName, typedPrefix } from './file.ts';
import { parsers } from './stored-rows.ts';
import { openSpool, prepareSpool } from './spool/database.ts';
import { lastFinished, waitingEvents } from './spool/waiting.ts';

const hourMs = 60 * 60 * 1000;

/** More than any clock that sets `timestamp` is ahead of the one that sets the time of a file. */
const clockErrorMs = hourMs;

/**
 * The events of a time window: those in the spool, then those in the files.
 *
 * Both show one moment, although events move from the spool into files meanwhile: events that were
 * in the spool when it was read are counted there, and files that were finished later are skipped.
 */
export async function* readParquetWindow(
  folder: string,
  spool: string,
  busyTimeoutMs: number,
  window: TimeWindow,
  isPerEvent = false,
): AsyncGenerator<EventAtDestination> {
  const database = openSpool(spool, busyTimeoutMs);
  let spoolId: string;
  let finished: number;
  try {
    spoolId = prepareSpool(database);
    database.exec('BEGIN');
    finished = lastFinished(database);
    yield* readSpool(database, window);
  } finally {
    database.close();
  }
  for await (const file of isPerEvent ? typedFilesOf(folder, window) : filesOf(folder, window)) {
    const from = readFileName(path.basename(file));
    if (from?.spoolId === spoolId && from.id > finished) continue;
    yield* readFile(file, window);
  }
}

async function* readSpool(
  database: DatabaseSync,
  { fromMs, toMs }: TimeWindow,
): AsyncGenerator<EventAtDestination> {
  const [from, to] = [new Date(fromMs).toISOString(), new Date(toMs).toISOString()];
  for (const found of waitingEvents(database)) {
    yield* found.filter(({ timestamp }) => timestamp >= from && timestamp < to);
    await nextTurn();
  }
}

/**
 * The files that may have events of the window: of the hours that it touches, and, where a folder has
 * what happened on a day, all that were written after it began.
 */
async function* filesOf(folder: string, window: TimeWindow, prefix = ''): AsyncGenerator<string> {
  const names = await namesIn(folder);
  yield* filesByHour(folder, names, window, prefix);
  for (const day of names.filter((name) => name.startsWith(`${prefix}event_date=`))) {
    for (const name of await namesIn(path.join(folder, day))) {
      if (!isFile.test(name)) continue;
      const file = path.join(folder, day, name);
      const writtenMs = await stat(file).then(({ mtimeMs }) => mtimeMs, ifGone);
      if (writtenMs !== undefined && writtenMs + clockErrorMs >= window.fromMs) yield file;
    }
  }
}

/** Of a folder of Hive's form. */
function valueOf(part: string): string {
  return part.slice(part.indexOf('=') + 1);
}

/** The folders of tables have no `=` in their names. */
async function* typedFilesOf(folder: string, window: TimeWindow): AsyncGenerator<string> {
  for (const table of await namesIn(folder)) {
    if (!table.startsWith('.') && !table.includes('=')) {
      yield* filesOf(path.join(folder, table), window, typedPrefix);
    }
  }
}

const isFile = /^[^.].*\.parquet$/;

async function* filesByHour(
  folder: string,
  names: readonly string[],
  { fromMs, toMs }: TimeWindow,
  prefix: string,
): AsyncGenerator<string> {
  for (const date of names.filter((name) => name.startsWith(`${prefix}date=`))) {
    for (const hour of await namesIn(path.join(folder, date))) {
      const startMs = Date.parse(`${valueOf(date)}T${valueOf(hour)}:00Z`);
      if (!(startMs < toMs && startMs + hourMs > fromMs)) continue;
      for (const name of await namesIn(path.join(folder, date, hour))) {
        if (isFile.test(name)) yield path.join(folder, date, hour, name);
      }
    }
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    return ifGone(error) ?? [];
  }
}

function ifGone(error: unknown): undefined {
  if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
  throw error;
}

/** One group of rows after the other. */
async function* readFile(
  file: string,
  { fromMs, toMs }: TimeWindow,
): AsyncGenerator<EventAtDestination> {
  const descriptor = openSync(file, 'r');
  try {
    const buffer = asBuffer(descriptor);
    const metadata = await parquetMetadataAsync(buffer);
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      const rowEnd = rowStart + Number(group.num_rows);
      const rows = await parquetReadObjects({
        file: buffer,
        metadata,
        columns: ['event_id', 'event_name', 'timestamp'],
        rowStart,
        rowEnd,
        compressors: { ZSTD: (bytes) => zstdDecompressSync(bytes) },
        parsers,
      });
      rowStart = rowEnd;
      for (const { event_id, event_name, timestamp } of rows) {
        if (!(timestamp instanceof Date) || +timestamp < fromMs || +timestamp >= toMs) continue;
        yield {
          eventId: String(event_id),
          eventName: String(event_name),
          timestamp: timestamp.toISOString(),
        };
      }
      await nextTurn();
    }
  } finally {
    closeSync(descriptor);
  }
}

function asBuffer(descriptor: number): AsyncBuffer {
  const { size: byteLength } = fstatSync(descriptor);
  return {
    byteLength,
    slice(start, end = byteLength) {
      const bytes = Buffer.alloc(end - start);
      readSync(descriptor, bytes, 0, bytes.length, start);
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
    },
  };
}
