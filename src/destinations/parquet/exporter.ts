/**
 * The thread that turns the spool into files, run anew for each time: it is synchronous from one end
 * to the other, and gives its memory back when it ends.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import {
  finishClaim,
  forgetExported,
  lastRow,
  openSpool,
  prepareSpool,
  readClaim,
  takeClaim,
} from './spool.ts';

/** What the thread is started with. */
export interface ExportData {
  readonly folder: string;
  readonly spool: string;
  readonly busyTimeoutMs: number;
  readonly fileEventsMax: number;
  readonly idsKeptMs: number;
}

/** What it sends when it is done. A thread that ends without a message has failed too. */
export type ExportReply =
  | { readonly kind: 'exported' }
  /** `isBusy`: somebody else held the spool; nothing is wrong with the files. */
  | { readonly kind: 'failed'; readonly isBusy: boolean; readonly reason: string };

const port = parentPort;
if (port !== null) void run(workerData as ExportData);

async function run(data: ExportData): Promise<void> {
  const message = await reply(data);
  port?.postMessage(message);
}

async function reply(data: ExportData): Promise<ExportReply> {
  try {
    await exportSpool(data);
    return { kind: 'exported' };
  } catch (error) {
    const isBusy =
      error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 5;
    return {
      kind: 'failed',
      isBusy,
      reason: error instanceof Error ? error.message : String(error),
    };
  }
}

/**
 * Writes the files of all that waits as it begins: what comes meanwhile would make many small ones.
 * Throws where it cannot; what is done so far stays done.
 */
export async function exportSpool(data: ExportData): Promise<void> {
  // Deleted: the next batch makes it anew.
  if (!existsSync(data.spool)) return;
  const database = openSpool(data.spool, data.busyTimeoutMs);
  try {
    const spoolId = prepareSpool(database);
    const last = lastRow(database);
    for (;;) {
      const claim = takeClaim(database, data.fileEventsMax, last);
      if (claim === undefined) break;
      // Loaded when it is needed: most runs after a start find nothing to do.
      const { filePathOf, writeFile } = await import('./file.ts');
      const rows = readClaim(database, claim);
      if (rows === undefined) continue;
      writeFile(path.join(data.folder, filePathOf(claim, spoolId)), rows);
      finishClaim(database, claim, Date.now());
    }
    forgetExported(database, Date.now() - data.idsKeptMs);
  } finally {
    database.close();
  }
}
