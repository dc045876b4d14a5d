/** The thread that owns the database. */
import { workerData } from 'node:worker_threads';
import { isBusy } from '../../errors.ts';
import type { EventContract } from '../../event/contracts/event-contract.ts';
import { TableFault } from '../tables/table-fault.ts';
import type { TableMode } from '../tables/table-mode.ts';
import { serveBatches } from '../writer-thread/serve-batches.ts';
import type { PackedBatch } from '../writer-thread/packed-batch.ts';
import type { WrittenReply } from '../writer-thread/thread-destination.ts';
import { openWarehouse, type Warehouse } from './warehouse.ts';

/** What the thread is started with. */
export interface WriterData {
  readonly path: string;
  readonly busyTimeoutMs: number;
  readonly tables: { readonly mode: TableMode; readonly prefix: string };
}

/** The contracts of the events, for tables with typed columns. */
export interface ToldContracts {
  /** Those that are new or other than before. */
  readonly changed: readonly EventContract[];
  /** Those that are in force. */
  readonly names: readonly string[];
}

let contracts: readonly EventContract[] = [];
let warehouse: Warehouse | undefined;

serveBatches<ToldContracts, PackedBatch, WrittenReply>(
  () => {
    const { path, busyTimeoutMs, tables } = workerData as WriterData;
    const opened = openWarehouse(path, busyTimeoutMs, tables);
    opened.use(contracts);
    warehouse = opened;
    return {
      write: (batch) => ({ kind: 'written', refused: opened.write(batch) }),
      close: opened.close,
    };
  },
  ({ changed, names }) => {
    const all = new Map([...contracts, ...changed].map((each) => [each.name, each]));
    contracts = names.map((name) => all.get(name)).filter((each) => each !== undefined);
    warehouse?.use(contracts);
  },
  // A lock passes, and a table is corrected.
  (error) => isBusy(error) || error instanceof TableFault,
);
