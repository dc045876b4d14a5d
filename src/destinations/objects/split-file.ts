/**
 * The thread that makes the objects of one file of the spool: one for each event name. It is a thread
 * because reading and compressing a file of 64 MiB takes about a second.
 */
import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { zstdCompressSync } from 'node:zlib';

import type { FileMetaData } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';

import { readRows } from '../parquet/stored-rows.ts';
import { isWholeRow } from '../parquet/whole-row.ts';
import type { ArchiveFormat } from './object-key.ts';

export interface SplitData {
  readonly file: string;
}

/** The events of one name in a file, in the format that was set when they were delivered. */
export interface FilePart {
  readonly format: ArchiveFormat;
  readonly eventName: string;
  readonly events: number;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** The message of the thread. One that ends without it has failed. */
export type SplitReply =
  | { readonly kind: 'split'; readonly parts: readonly FilePart[] }
  | { readonly kind: 'failed'; readonly reason: string };

const port = parentPort;
if (port !== null) void run(workerData as SplitData);

async function run(data: SplitData): Promise<void> {
  const reply = await splitFile(data).catch((error: Error): SplitReply => ({
    kind: 'failed',
    reason: error.message,
  }));
  const bodies = reply.kind === 'split' ? reply.parts.map(({ body }) => body.buffer) : [];
  port?.postMessage(reply, bodies);
}

type Row = Record<string, unknown>;

async function splitFile({ file }: SplitData): Promise<SplitReply> {
  const { metadata, rows } = await readRows(readFileSync(file));
  const byName = Map.groupBy(rows, (row) => String(row['event_name']));
  const parts = [...byName].flatMap(([eventName, members]): FilePart[] => {
    const [whole, plain] = [members.filter(isWholeRow), members.filter((row) => !isWholeRow(row))];
    const part = (format: ArchiveFormat, of: readonly Row[], body: () => FilePart['body']) =>
      of.length === 0 ? [] : [{ format, eventName, events: of.length, body: body() }];
    return [
      ...part('ndjson', whole, () => linesOf(whole)),
      ...part('parquet', plain, () => parquetOf(plain, metadata)),
    ];
  });
  return { kind: 'split', parts };
}

/** Their `properties` are the whole stored event (parquet/file.ts). */
function linesOf(rows: readonly Row[]): Uint8Array<ArrayBuffer> {
  const text = rows.map((row) => `${String(row['properties'])}\n`).join('');
  return owned(zstdCompressSync(text));
}

/** With the columns that the file has. */
function parquetOf(rows: readonly Row[], { schema }: FileMetaData): Uint8Array<ArrayBuffer> {
  const columns = schema.slice(1).map(({ name }) => name);
  const written = parquetWriteBuffer({
    schema,
    columnData: columns.map((name) => ({ name, data: rows.map((row) => row[name] ?? null) })),
    codec: 'ZSTD',
    compressors: { ZSTD: (part) => zstdCompressSync(part) },
    createdBy: 'headgate',
  });
  return new Uint8Array(written);
}

/** In memory of its own, so that it can be handed over. */
function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(bytes);
}
