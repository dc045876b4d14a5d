import { existsSync } from 'node:fs';
import { readdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';

import { typedPrefix } from '../parquet/file.ts';
import { rowsOf } from '../parquet/stored-rows.ts';
import { whenAborted } from '../when-aborted.ts';
import { keyOf, manifestKeyOf, tableKeyOf, type ArchiveFormat } from './object-key.ts';
import type { ObjectStore } from './object-store.ts';
import { splitInThread } from './split.ts';

export interface UploadOptions {
  /** Where the spool leaves its files, in folders by the day. */
  readonly folder: string;
  readonly store: ObjectStore;
  readonly prefix: string;
  /** False if only the files of tables are uploaded. */
  readonly hasWholeEvents: boolean;
  /** How often the folder is looked at. */
  readonly intervalMs: number;
  /** The longest time for one object. */
  readonly timeoutMs: number;
}

/** Moves the files of a spool into a bucket. */
export interface SpoolUpload {
  /**
   * Resolves to undefined while objects can be written; else it tries again first, and resolves to the
   * reason if that fails too. Rejects when the signal is aborted.
   */
  trouble(signal: AbortSignal): Promise<string | undefined>;
  /** The reason of the last upload that failed, until one succeeds. */
  fault(): string | undefined;
  /** Uploads what is there, for at most `timeoutMs`, and stops. What is left stays for the next start. */
  close(): Promise<void>;
}

/** Objects that are written at once: their bodies are in memory anyway. */
const putsMax = 4;

/**
 * Once each: a file of the spool has the same events whenever it is written, and the key of an object is
 * made of the file's name. An object that exists is not written again, and a file is deleted when all its
 * objects and its manifest exist. A crash at any point repeats only what is not there yet.
 */
export function createUpload(options: UploadOptions): SpoolUpload {
  const stop = new AbortController();
  let fault: string | undefined;
  let running: Promise<void> | undefined;

  const run = async (): Promise<void> => {
    try {
      for (const file of await filesIn(options.folder)) {
        if (stop.signal.aborted) return;
        await uploadFile(options, file, stop.signal);
      }
      fault = undefined;
    } catch (error) {
      if (!stop.signal.aborted) fault = (error as Error).message;
    }
  };
  const start = (): Promise<void> =>
    (running ??= run().finally(() => {
      running = undefined;
    }));
  const timer = setInterval(() => void start(), options.intervalMs);

  return {
    async trouble(signal) {
      if (fault === undefined) return undefined;
      const aborted = whenAborted(signal);
      await Promise.race([start(), aborted.promise]).finally(aborted.forget);
      return fault;
    },
    fault: () => fault,
    async close() {
      clearInterval(timer);
      const late = setTimeout(() => stop.abort(), options.timeoutMs);
      await running;
      await start();
      clearTimeout(late);
    },
  };
}

interface SpoolFile {
  readonly day: string;
  readonly path: string;
  /** Without its ending. */
  readonly name: string;
  /** Everything of it is in the bucket. */
  readonly isDone: boolean;
}

const ending = '.parquet';

/** Put after the name of a file when everything is in the bucket: what is left is to delete files. */
const doneEnding = '.uploaded';

async function filesIn(folder: string): Promise<SpoolFile[]> {
  const files: SpoolFile[] = [];
  for (const dayFolder of await namesIn(folder)) {
    const day = /^event_date=(.+)$/.exec(dayFolder)?.[1];
    if (day === undefined) continue;
    for (const name of await namesIn(path.join(folder, dayFolder))) {
      const isDone = name.endsWith(`${ending}${doneEnding}`);
      if (name.startsWith('.') || !(isDone || name.endsWith(ending))) continue;
      const file = path.join(folder, dayFolder, name);
      files.push({ day, path: file, name: name.slice(0, name.lastIndexOf(ending)), isDone });
    }
  }
  return files;
}

/** Another process may have removed it. */
async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).then(
    (names) => names.sort(),
    () => [],
  );
}

async function uploadFile(
  options: UploadOptions,
  file: SpoolFile,
  stop: AbortSignal,
): Promise<void> {
  const tables = await tableFilesOf(options.folder, file);
  const done = file.isDone ? file.path : `${file.path}${doneEnding}`;
  if (!file.isDone) {
    await putAll(options, file, tables, stop);
    await rename(file.path, done);
  }
  // The file of whole events is the last, because the upload of the others begins with it.
  for (const one of [...tables.map(({ path: of }) => of), done]) {
    await rm(one, { force: true });
    // Only an empty one is removed. That of a table stays: it says which table its events have.
    await rmdir(path.dirname(one)).catch(() => undefined);
  }
}

/** The objects of a file and of its tables, then their manifest. */
async function putAll(
  options: UploadOptions,
  file: SpoolFile,
  tables: readonly TableFile[],
  stop: AbortSignal,
): Promise<void> {
  const { store, prefix, timeoutMs } = options;
  const { day, name } = file;
  const limited = (): AbortSignal => AbortSignal.any([stop, AbortSignal.timeout(timeoutMs)]);
  const listed = [];
  for (const { table, folder, path: from } of tables) {
    const body = await readFile(from);
    const events = rowsOf(body);
    const key = tableKeyOf(prefix, folder, name, events);
    await store.putNew(key, body, types.parquet, limited());
    listed.push({ key, table, events });
  }
  // Events that came before `tables` was set have no tables.
  const isWhole = options.hasWholeEvents || tables.length === 0;
  const objects = isWhole ? await putWhole(options, file, limited) : [];
  const more = tables.length > 0 && { tables: listed };
  const manifest = Buffer.from(JSON.stringify({ version: 1, day, file: name, objects, ...more }));
  await store.putNew(manifestKeyOf(prefix, day, name), manifest, 'application/json', limited());
}

const types: Readonly<Record<ArchiveFormat, string>> = {
  ndjson: 'application/zstd',
  parquet: 'application/vnd.apache.parquet',
};

interface TableFile {
  readonly table: string;
  /** Below the folder of the spool. */
  readonly folder: string;
  readonly path: string;
}

/** The files of tables with the same events. */
async function tableFilesOf(folder: string, { day, name }: SpoolFile): Promise<TableFile[]> {
  const found: TableFile[] = [];
  for (const table of await namesIn(folder)) {
    if (table.startsWith('.') || table.includes('=')) continue;
    const inner = `${table}/${typedPrefix}event_date=${day}`;
    const file = path.join(folder, inner, `${name}${ending}`);
    if (existsSync(file)) found.push({ table, folder: inner, path: file });
  }
  return found;
}

interface ListedObject {
  readonly key: string;
  readonly event: string;
  readonly events: number;
}

/** An object for each event name. */
async function putWhole(
  { store, prefix }: UploadOptions,
  { day, path: file, name }: SpoolFile,
  limited: () => AbortSignal,
): Promise<ListedObject[]> {
  const parts = await splitInThread({ file });
  const objects = parts.map(({ format, eventName, events, body }) => ({
    key: keyOf(prefix, { day, eventName, file: name, events, format }),
    type: types[format],
    event: eventName,
    events,
    body,
  }));
  for (let from = 0; from < objects.length; from += putsMax) {
    const some = objects.slice(from, from + putsMax);
    await Promise.all(some.map(({ key, type, body }) => store.putNew(key, body, type, limited())));
  }
  return objects.map(({ key, event, events }) => ({ key, event, events }));
}
