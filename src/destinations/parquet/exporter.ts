/**
 * The thread that writes the spool into files. It is started for each run, because it is
 * synchronous throughout, and frees its memory when it ends.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import type { EventContract } from '../../event/contracts/event-contract.ts';
import { ageMs, steadyTimeMs } from '../../event/time/steady-time.ts';
import { contractWaitMs } from '../tables/contract-tables.ts';
import type { TableMode } from '../tables/table-mode.ts';
import {
  finishClaim,
  forgetExported,
  lastRow,
  openSpool,
  prepareSpool,
  readClaim,
  tablesOfClaim,
  takeClaim,
  waitingVersions,
  type Claim,
  type Partition,
} from './spool.ts';

/** The settings that the thread is started with. */
export interface ExportData {
  readonly folder: string;
  readonly spool: string;
  readonly busyTimeoutMs: number;
  readonly fileEventsMax: number;
  readonly idsKeptMs: number;
  readonly partition: Partition;
  /** One folder for all events unless set. */
  readonly tables?: { readonly mode: TableMode; readonly prefix: string };
}

/** `nowMs` is the steady time of the thread that starts it, so that no step of the clock forgets ids. */
export type ExportRun = ExportData & {
  readonly nowMs: number;
  /** Those in force, for tables with typed columns. */
  readonly contracts: readonly EventContract[];
};

/**
 * The message that the thread sends when it is done. A thread that ends without a message has
 * failed.
 */
export type ExportReply =
  | { readonly kind: 'exported' }
  /** `isBusy`: another process held the spool, or is to write it; the files are in order. */
  | { readonly kind: 'failed'; readonly isBusy: boolean; readonly reason: string };

const port = parentPort;
if (port !== null) void run(workerData as ExportRun);

async function run(data: ExportRun): Promise<void> {
  const message = await reply(data);
  port?.postMessage(message);
}

async function reply(data: ExportRun): Promise<ExportReply> {
  try {
    if (await exportSpool(data, data.nowMs, data.contracts)) return { kind: 'exported' };
    return { kind: 'failed', isBusy: true, reason: 'newer contracts are awaited' };
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
 * Writes the files of everything that waits at its start. Events that arrive meanwhile would make
 * many small files. False if events stay, because they wait for contracts. Throws if a file cannot be
 * written; finished files stay.
 */
export async function exportSpool(
  data: ExportData,
  nowMs: number = steadyTimeMs(),
  contracts: readonly EventContract[] = [],
): Promise<boolean> {
  // The spool was deleted. The next batch creates it again.
  if (!existsSync(data.spool)) return true;
  const database = openSpool(data.spool, data.busyTimeoutMs);
  try {
    const mode = data.tables?.mode ?? 'events';
    if (mode !== 'events' && isBehind(database, contracts)) return false;
    const spoolId = prepareSpool(database);
    const last = lastRow(database);
    for (;;) {
      const claim = takeClaim(database, data.fileEventsMax, last, data.partition);
      if (claim === undefined) break;
      // Loaded only when needed: most runs after a start have nothing to write.
      const { filePathOf, writeFile } = await import('./file.ts');
      const rows = readClaim(database, claim);
      if (rows === undefined) continue;
      if (mode !== 'events') await writeTyped(database, { data, claim, spoolId, rows, contracts });
      if (mode !== 'per_event') {
        writeFile(path.join(data.folder, filePathOf(claim, spoolId)), rows, data.folder);
      }
      finishClaim(database, claim, nowMs);
    }
    forgetExported(database, nowMs - data.idsKeptMs);
    return true;
  } finally {
    database.close();
  }
}

/**
 * Whether another process, which shares the spool and has newer contracts, left events that would get no
 * columns here. They are that one's to write, or wait for the contracts, but not longer than events wait
 * elsewhere.
 */
function isBehind(database: DatabaseSync, contracts: readonly EventContract[]): boolean {
  const known = new Map(contracts.map(({ name, schemas }) => [name, schemas.length]));
  return waitingVersions(database).some(
    ({ event, version, since }) =>
      version > (known.get(event) ?? 0) && ageMs(Date.parse(since)) < contractWaitMs,
  );
}

interface ClaimedRows {
  readonly data: ExportData;
  readonly claim: Claim;
  readonly spoolId: string;
  readonly rows: readonly Record<string, unknown>[];
  readonly contracts: readonly EventContract[];
}

/** A file for each table. After a crash those that exist already stay. */
async function writeTyped(database: DatabaseSync, claimed: ClaimedRows): Promise<void> {
  const { data, claim, spoolId, rows, contracts } = claimed;
  const { typedPathOf, writeBytes } = await import('./file.ts');
  const { createTypedFiles } = await import('./typed-files.ts');
  const typed = createTypedFiles(data.folder, data.tables?.prefix ?? '', contracts);
  const names = new Set(rows.map((row) => String(row['event_name'])));
  const tables = tablesOfClaim(database, claim, names, typed.tableOf);
  for (const file of typed.filesOf(rows, tables)) {
    const target = path.join(data.folder, typedPathOf(claim, spoolId, file.table));
    writeBytes(target, file.encode, data.folder);
  }
}
