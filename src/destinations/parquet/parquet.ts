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
import { tablesOf } from '../tables/table-mode.ts';
import { createSpoolWriter } from './spool/spool.ts';

/**
 * Parquet files in folders by the hour, or by the day on which the events happened.
 *
 * The log delivers about two thousand events at a time and expects an answer within minutes, but a
 * file should have at least a hundred thousand. So events go into a spool first, a SQLite database
 * beside the files, and are delivered once that is synced. A thread moves them on into files.
 *
 * Counted once: the thread leaves out second copies by `event_id`, of events that wait and of those
 * written within `ids_kept`. Which events it writes is recorded before the first file is begun:
 * after a crash at any point the same files are written, each once and completely.
 *
 * @param settings `is_whole`: events are kept whole, for an archive of lines.
 */
export async function createParquetDestination(
  name: string,
  settings: DestinationSettings,
  context?: DestinationContext,
): Promise<Destination> {
  const tables = tablesOf(name, settings);
  const contracts = context?.contracts ?? (() => []);
  const isTyped = tables.mode !== 'events';
  const folder = path.resolve(String(settings['path']));
  const spool = path.join(folder, '.spool', 'spool.db');
  const busyTimeoutMs = Number(settings['busy_timeout']);
  const isWhole = settings['is_whole'] === true;
  const events = await createSpoolWriter(
    name,
    { file: spool, busyTimeoutMs, isWhole },
    isTyped ? contracts : undefined,
  );
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
    if (room !== undefined) {
      return batch.map(() => ({ kind: 'retry', fault: 'destination', reason: room }));
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
