/**
 * The thread that writes the spool into files. It is synchronous throughout.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { isBusy } from '../../errors.ts';
import type { EventContract } from '../../event/contracts/event-contract.ts';
import { ageMs, steadyTimeMs } from '../../event/time/steady-time.ts';
import { contractWaitMs } from '../tables/contract-tables.ts';
import type { TableMode } from '../tables/table-mode.ts';
import { openSpool, prepareSpool } from './spool/database.ts';
import { tablesOfClaim, takeOver } from './spool/earlier-spool.ts';
import { createKeptIds, type KeptIds } from './ids/kept-ids.ts';
import type { LotEvents } from './spool/lot-events.ts';
import {
  finishLot,
  forgetIds,
  isOpen,
  lastBlock,
  readLot,
  tablesOfLot,
  takeLot,
  waitingVersions,
  type Lot,
  type Partition,
} from './spool/lots.ts';
import { partsOf, type LotPart } from './spool/parts.ts';
import type { TypedFiles } from './typed-files.ts';
import { createReadText } from './spool/read-text.ts';

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

/** One run. `nowMs` is the steady time of the thread that asks for it, so that no step of the clock forgets ids. */
export interface ExportRequest {
  readonly nowMs: number;
  /** Those in force, for tables with typed columns. Undefined if they are those of the last run. */
  readonly contracts: readonly EventContract[] | undefined;
}

/**
 * The answer to a request. A thread that ends without one has failed.
 */
export type ExportReply =
  | { readonly kind: 'exported' }
  /** `isBusy`: another process held the spool, or is to write it; the files are in order. */
  | { readonly kind: 'failed'; readonly isBusy: boolean; readonly reason: string };

const port = parentPort;
if (port !== null) {
  const data = workerData as ExportData;
  let contracts: readonly EventContract[] = [];
  port.on('message', (request: ExportRequest) => {
    contracts = request.contracts ?? contracts;
    void reply(data, request.nowMs, contracts).then((message) => port.postMessage(message));
  });
}

async function reply(
  data: ExportData,
  nowMs: number,
  contracts: readonly EventContract[],
): Promise<ExportReply> {
  try {
    if (await exportSpool(data, nowMs, contracts)) return { kind: 'exported' };
    return { kind: 'failed', isBusy: true, reason: 'newer contracts are awaited' };
  } catch (error) {
    return {
      kind: 'failed',
      isBusy: isBusy(error),
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
    const spoolId = prepareSpool(database);
    const isTyped = data.tables !== undefined && data.tables.mode !== 'events';
    const write = await createWrite(data, spoolId, contracts);
    takeOver(database, nowMs, (claim, events) => {
      const places = Uint32Array.from({ length: events.count }, (_, place) => place);
      write({ ...claim, places }, events, (names, tableOf) =>
        tablesOfClaim(database, claim, names, tableOf),
      );
    });
    if (isTyped && isBehind(database, contracts)) return false;
    const kept = createKeptIds(database, data.idsKeptMs);
    const last = lastBlock(database);
    for (;;) {
      const lot = takeLot(database, data.fileEventsMax, last, data.partition);
      if (lot === undefined) break;
      writeLot({ database, kept, nowMs, write }, lot);
    }
    forgetIds(database, kept, nowMs - data.idsKeptMs);
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

/** Names of tables, as they were recorded before the first file. */
type Tables = (
  names: ReadonlySet<string>,
  tableOf: (event: string) => string,
) => ReadonlyMap<string, string>;

/** Writes the files of a part, those that do not exist yet. */
type WritePart = (part: LotPart, events: LotEvents, tables: Tables) => void;

interface LotWriter {
  readonly database: DatabaseSync;
  readonly kept: KeptIds;
  readonly nowMs: number;
  readonly write: WritePart;
}

function writeLot({ database, kept, nowMs, write }: LotWriter, lot: Lot): void {
  const read = readLot(database, lot, kept);
  if (read === undefined) return;
  const { events, isSecond, firstFile } = read;
  const parts = partsOf(events, isSecond, { ...lot, firstFile });
  for (const part of parts) {
    // Files of a finished lot may be elsewhere by now, and would be written again.
    if (!isOpen(database, lot)) return;
    write(part, events, (names, tableOf) => tablesOfLot(database, lot, names, tableOf));
  }
  finishLot(database, lot, { ...read, files: parts.length }, { kept, nowMs });
}

/** Of the last run: while the contracts are the same, so are the plans, and what is made of them. */
let last:
  | {
      readonly data: ExportData;
      readonly contracts: readonly EventContract[];
      readonly typed: TypedFiles;
    }
  | undefined;

async function createWrite(
  data: ExportData,
  spoolId: string,
  contracts: readonly EventContract[],
): Promise<WritePart> {
  const { encodeRows, filePathOf, typedPathOf, writeBytes } = await import('./file.ts');
  const mode = data.tables?.mode ?? 'events';
  const { createTypedFiles } = await import('./typed-files.ts');
  if (last?.data !== data || last.contracts !== contracts) {
    const typed = createTypedFiles(data.folder, data.tables?.prefix ?? '', contracts);
    last = { data, contracts, typed };
  }
  const { typed } = last;
  return (part, events, tables) => {
    const at = (file: string): string => path.join(data.folder, file);
    if (mode !== 'events') {
      const byName = placesByName(events, part.places);
      const recorded = tables(new Set(byName.keys()), typed.tableOf);
      for (const { table, encode } of typed.filesOf(events, byName, recorded)) {
        writeBytes(at(typedPathOf(part, spoolId, table)), encode, data.folder);
      }
    }
    if (mode !== 'per_event') {
      const encode = (): Uint8Array => encodeRows(events, part.places);
      writeBytes(at(filePathOf(part, spoolId)), encode, data.folder);
    }
  };
}

const readText = createReadText();

/** The events of each name, in their order. */
function placesByName(events: LotEvents, places: Uint32Array): Map<string, number[]> {
  const byName = new Map<string, number[]>();
  for (const place of places) {
    events.go(place);
    const name = readText(events.part('eventName'));
    const own = byName.get(name);
    if (own === undefined) byName.set(name, [place]);
    else own.push(place);
  }
  return byName;
}
