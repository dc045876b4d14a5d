/**
 * The thread that puts batches into the spool: node:sqlite is synchronous, and the gate's event loop must not
 * wait for a disk. It works through its messages in order, one transaction each.
 */
import { statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { StartError } from '../../../errors.ts';
import { inTransaction } from '../../sqlite/transaction.ts';
import type { PackedBatch, RefusedEvent } from '../../sqlite/warehouse.ts';
import { cutBatch, type CutBatch } from './blocks.ts';
import { createSpool, insertBlock } from './database.ts';
import { createOddEvents } from './odd-events.ts';

/** What the thread is started with. */
export interface SpoolData {
  readonly file: string;
  readonly busyTimeoutMs: number;
  /** Events are kept whole. */
  readonly isWhole: boolean;
}

/** The messages to the thread. */
export type SpoolRequest =
  | ({
      readonly kind: 'write';
      /** Also events of versions that are not known. */
      readonly isAnyVersion: boolean;
    } & PackedBatch)
  /** How many versions of each contract are known from now on. */
  | { readonly kind: 'known'; readonly versions: ReadonlyMap<string, number> }
  | { readonly kind: 'close' };

/** What it answers: first whether it could open, then one answer for each batch, in order. */
export type SpoolReply =
  | { readonly kind: 'opened' }
  | { readonly kind: 'not_opened'; readonly reason: string }
  | { readonly kind: 'written'; readonly refused: readonly RefusedEvent[] }
  /** Nothing was written, because events have versions that are not known. */
  | { readonly kind: 'newer' }
  | { readonly kind: 'failed'; readonly reason: string };

const port = parentPort;
if (port !== null) run(workerData as SpoolData);

function reply(message: SpoolReply): void {
  port?.postMessage(message);
}

/** Writes batches into a spool. */
interface SpoolWriter {
  /** @param known any version is written if undefined. */
  write(batch: PackedBatch, known: ReadonlyMap<string, number> | undefined): SpoolReply;
  close(): void;
}

function run(data: SpoolData): void {
  let writer: SpoolWriter | undefined;
  let known: ReadonlyMap<string, number> = new Map();
  try {
    writer = openWriter(data);
  } catch (error) {
    reply({ kind: 'not_opened', reason: describe(error) });
    port?.close();
    return;
  }
  reply({ kind: 'opened' });
  port?.on('message', (request: SpoolRequest) => {
    if (request.kind === 'close') {
      writer?.close();
      // Without its port nothing holds the thread, and it ends.
      port?.close();
      return;
    }
    if (request.kind === 'known') {
      known = request.versions;
      return;
    }
    try {
      writer ??= openWriter(data);
      reply(writer.write(request, request.isAnyVersion ? undefined : known));
    } catch (error) {
      // A lock passes. After anything else (a full disk, a file that is gone) the state of the connection is
      // not known: the next batch opens another.
      if (!isBusy(error)) {
        writer?.close();
        writer = undefined;
      }
      reply({ kind: 'failed', reason: describe(error) });
    }
  });
}

function openWriter({ file, busyTimeoutMs, isWhole }: SpoolData): SpoolWriter {
  const database = createSpool(file, busyTimeoutMs);
  const opened = identityOf(file);
  const odd = createOddEvents(database);
  return {
    write(batch, known) {
      // SQLite continues to write into a deleted file, and everything would be lost.
      if (identityOf(file) !== opened) throw new Error('the database file was moved or deleted');
      const cut = cutBatch(batch, odd);
      if (known !== undefined && isNewer(cut, known)) return { kind: 'newer' };
      if (cut.blocks.length > 0) insertAll(database, cut, isWhole);
      return { kind: 'written', refused: cut.refused };
    },
    close: () => database.close(),
  };
}

function insertAll(database: DatabaseSync, { blocks }: CutBatch, isWhole: boolean): void {
  const deliveredAt = new Date().toISOString();
  inTransaction(database, () => {
    for (const { block, versions } of blocks) {
      insertBlock(database, block, { deliveredAt, isWhole, versions });
    }
  });
}

function isNewer({ blocks }: CutBatch, known: ReadonlyMap<string, number>): boolean {
  return blocks.some(({ versions }) =>
    Object.entries(versions).some(([name, version]) => version > (known.get(name) ?? 0)),
  );
}

function identityOf(file: string): string | undefined {
  const stat = statSync(file, { throwIfNoEntry: false, bigint: true });
  return stat && `${stat.dev}:${stat.ino}`;
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 5;
}

function describe(error: unknown): string {
  if (error instanceof StartError) return error.message;
  const code = error instanceof Error && 'errcode' in error ? ` (SQLite ${error.errcode})` : '';
  return `${error instanceof Error ? error.message : String(error)}${code}`;
}
