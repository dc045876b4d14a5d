/**
 * The thread that owns the database: node:sqlite is synchronous, and the gate's event loop must not
 * wait for a disk. It works through its messages in order, one transaction each.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { StartError } from '../../errors.ts';
import type { EventContract } from '../../event/contracts/event-contract.ts';
import { TableFault } from '../tables/table-fault.ts';
import type { TableMode } from '../tables/table-mode.ts';
import { openWarehouse, type PackedBatch, type RefusedEvent, type Warehouse } from './warehouse.ts';

/** What the thread is started with. */
export interface WriterData {
  readonly path: string;
  readonly busyTimeoutMs: number;
  readonly isIndexed: boolean;
  readonly tables: { readonly mode: TableMode; readonly prefix: string };
}

/** The messages to the thread. */
export type WriterRequest =
  | ({ readonly kind: 'write' } & PackedBatch)
  | {
      readonly kind: 'contracts';
      /** Those that are new or other than before. */
      readonly changed: readonly EventContract[];
      /** Those that are in force. */
      readonly names: readonly string[];
    }
  | { readonly kind: 'close' };

/** What it answers: first whether it could open, then one answer for each batch, in order. */
export type WriterReply =
  | { readonly kind: 'opened' }
  | { readonly kind: 'not_opened'; readonly reason: string }
  | { readonly kind: 'written'; readonly refused: readonly RefusedEvent[] }
  | { readonly kind: 'failed'; readonly reason: string };

const port = parentPort;
if (port !== null) run(workerData as WriterData);

function reply(message: WriterReply): void {
  port?.postMessage(message);
}

function run(data: WriterData): void {
  let contracts: readonly EventContract[] = [];
  const open = (): Warehouse => {
    const opened = openWarehouse(data.path, data.busyTimeoutMs, data.isIndexed, data.tables);
    opened.use(contracts);
    return opened;
  };
  let warehouse: Warehouse | undefined;
  try {
    warehouse = open();
  } catch (error) {
    reply({ kind: 'not_opened', reason: describe(error) });
    port?.close();
    return;
  }
  reply({ kind: 'opened' });
  port?.on('message', (request: WriterRequest) => {
    if (request.kind === 'close') {
      warehouse?.close();
      // Without its port nothing holds the thread, and it ends.
      port?.close();
      return;
    }
    if (request.kind === 'contracts') {
      const all = new Map([...contracts, ...request.changed].map((each) => [each.name, each]));
      contracts = request.names.map((name) => all.get(name)).filter((each) => each !== undefined);
      warehouse?.use(contracts);
      return;
    }
    try {
      warehouse ??= open();
      reply({ kind: 'written', refused: warehouse.write(request) });
    } catch (error) {
      // A lock passes, and a table is corrected. After anything else (a full disk, a file that is gone)
      // the state of the connection is not known: the next batch opens another.
      if (!isBusy(error) && !(error instanceof TableFault)) {
        warehouse?.close();
        warehouse = undefined;
      }
      reply({ kind: 'failed', reason: describe(error) });
    }
  });
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 5;
}

function describe(error: unknown): string {
  if (error instanceof StartError) return error.message;
  const code = error instanceof Error && 'errcode' in error ? ` (SQLite ${error.errcode})` : '';
  return `${error instanceof Error ? error.message : String(error)}${code}`;
}
