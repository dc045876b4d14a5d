import path from 'node:path';
import { closeWhenIdle } from '../close-when-idle.ts';
import type {
  Delivery,
  Destination,
  DestinationContext,
  DestinationSettings,
  Outcome,
} from '../destination.ts';
import { createParquetExport } from './export.ts';
import { readParquetWindow } from './reader.ts';
import { createSqliteDestination } from '../sqlite/sqlite.ts';
import { createContractTables, type ContractTables } from '../tables/contract-tables.ts';
import { readVersion } from './event-version.ts';
import { TableFault } from '../tables/table-fault.ts';
import { tablesOf } from '../tables/table-mode.ts';
import { parquetDialect } from './typed-columns.ts';

/**
 * Parquet files in folders by the hour, or by the day on which the events happened.
 *
 * The log delivers about two thousand events at a time and expects an answer within minutes, but a
 * file should have at least a hundred thousand. So events go into a spool first, a SQLite warehouse
 * beside the files, and are delivered once that is synced. A thread moves them on into files.
 *
 * Counted once: the spool refuses a second copy by `event_id`, of events that wait and of those
 * written within `ids_kept`. The content of a file and its name are recorded before it is begun:
 * after a crash at any point the file is written once and completely.
 */
export async function createParquetDestination(
  name: string,
  settings: DestinationSettings,
  context?: DestinationContext,
): Promise<Destination> {
  const tables = tablesOf(name, settings);
  const contracts = context?.contracts ?? (() => []);
  const isTyped = tables.mode !== 'events';
  const versions = createContractTables({ dialect: parquetDialect });
  const folder = path.resolve(String(settings['path']));
  const spool = path.join(folder, '.spool', 'spool.db');
  const busyTimeoutMs = Number(settings['busy_timeout']);
  const own = { path: spool, busy_timeout: busyTimeoutMs };
  const events = await createSqliteDestination(name, own, { isIndexed: false });
  const exporting = createParquetExport(
    {
      folder,
      spool,
      busyTimeoutMs,
      fileEventsMax: Number(settings['file_events_max']),
      idsKeptMs: Number(settings['ids_kept']),
      partition: settings['partition_by'] === 'event_date' ? 'event_date' : 'hour',
      tables,
    },
    Number(settings['flush_interval']),
    contracts,
  );

  const deliver = async (batch: readonly Delivery[], signal: AbortSignal): Promise<Outcome[]> => {
    const room = await exporting.room(signal).catch((error: Error) => error.message);
    if (isTyped) versions.use(contracts());
    const reason = room ?? (isTyped ? unknownVersion(versions, batch) : undefined);
    if (reason !== undefined) {
      return batch.map(() => ({ kind: 'retry', fault: 'destination', reason }));
    }
    const outcomes = await events.deliver(batch, signal);
    exporting.added(outcomes.filter(({ kind }) => kind === 'delivered').length);
    return outcomes;
  };

  return {
    batchEventsMax: events.batchEventsMax,
    concurrency: events.concurrency,
    ...closeWhenIdle(deliver, async () => {
      await events.close();
      await exporting.close();
    }),
    trouble: exporting.fault,
    stored: (window) => {
      const isPerEvent = tables.mode === 'per_event';
      return readParquetWindow(folder, spool, busyTimeoutMs, window, isPerEvent);
    },
  };
}

/** Why the batch has to wait for a version of a contract. */
function unknownVersion(versions: ContractTables, batch: readonly Delivery[]): string | undefined {
  try {
    for (const delivery of batch) {
      const event = readVersion(delivery);
      if (event !== undefined) versions.expectVersion(event);
    }
    return undefined;
  } catch (error) {
    if (error instanceof TableFault) return error.message;
    throw error;
  }
}
