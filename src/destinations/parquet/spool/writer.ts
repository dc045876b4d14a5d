/** The thread that puts batches into the spool. */
import { statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { workerData } from 'node:worker_threads';
import { inTransaction } from '../../local-files/transaction.ts';
import type { PackedBatch } from '../../writer-thread/packed-batch.ts';
import { serveBatches, type BatchWriter } from '../../writer-thread/serve-batches.ts';
import type { WrittenReply } from '../../writer-thread/thread-destination.ts';
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

/** How many versions of each contract are known. */
export type KnownVersions = ReadonlyMap<string, number>;

interface SpooledBatch extends PackedBatch {
  /** Also events of versions that are not known. */
  readonly isAnyVersion: boolean;
}

/** `newer`: nothing was written, because events have versions that are not known. */
export type SpoolReply = WrittenReply | { readonly kind: 'newer' };

let known: KnownVersions = new Map();

serveBatches<KnownVersions, SpooledBatch, SpoolReply>(
  () => openWriter(workerData as SpoolData),
  (versions) => {
    known = versions;
  },
);

function openWriter({
  file,
  busyTimeoutMs,
  isWhole,
}: SpoolData): BatchWriter<SpooledBatch, SpoolReply> {
  const database = createSpool(file, busyTimeoutMs);
  const opened = identityOf(file);
  const odd = createOddEvents(database);
  return {
    write(batch) {
      // SQLite continues to write into a deleted file, and everything would be lost.
      if (identityOf(file) !== opened) throw new Error('the database file was moved or deleted');
      const cut = cutBatch(batch, odd);
      if (!batch.isAnyVersion && isNewer(cut)) return { kind: 'newer' };
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

function isNewer({ blocks }: CutBatch): boolean {
  return blocks.some(({ versions }) =>
    Object.entries(versions).some(([name, version]) => version > (known.get(name) ?? 0)),
  );
}

function identityOf(file: string): string | undefined {
  const stat = statSync(file, { throwIfNoEntry: false, bigint: true });
  return stat && `${stat.dev}:${stat.ino}`;
}
