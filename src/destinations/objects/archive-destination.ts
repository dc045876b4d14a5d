import path from 'node:path';

import { closeWhenIdle } from '../close-when-idle.ts';
import type {
  Delivery,
  Destination,
  DestinationContext,
  DestinationSettings,
  Outcome,
} from '../destination.ts';
import { createParquetDestination } from '../parquet/parquet.ts';
import { tablesOf } from '../tables/table-mode.ts';
import type { ArchiveFormat } from './object-key.ts';
import type { ObjectStore } from './object-store.ts';
import { createUpload } from './upload.ts';

/** How often the spool is looked at for files that are ready, at most. */
const lookMsMax = 1_000;

/**
 * Objects of a bucket, by the day on which the events happened and by their names.
 *
 * Events go into a spool on the disk first, that of the `parquet` destination, and are delivered once
 * that is synced. It refuses second copies, and writes each event into one file, once; `upload.ts` makes
 * objects of the files.
 */
export async function createArchiveDestination(
  name: string,
  settings: DestinationSettings,
  store: ObjectStore,
  context?: DestinationContext,
): Promise<Destination> {
  const folder = path.resolve(String(settings['spool']));
  const format: ArchiveFormat = settings['format'] === 'parquet' ? 'parquet' : 'ndjson';
  const { mode } = tablesOf(name, settings);
  const flushMs = Number(settings['flush_interval']);
  const own: DestinationSettings = {
    path: folder,
    partition_by: 'event_date',
    flush_interval: flushMs,
    file_events_max: settings['file_events_max'] ?? null,
    ids_kept: settings['ids_kept'] ?? null,
    busy_timeout: settings['busy_timeout'] ?? null,
    // The file of whole events is written last: the upload begins with it, also where only tables are uploaded.
    tables: mode === 'events' ? 'events' : 'both',
    table_prefix: settings['table_prefix'] ?? null,
    is_whole: format === 'ndjson',
  };
  const spool = await createParquetDestination(name, own, context);
  const upload = createUpload({
    folder,
    store,
    prefix: String(settings['prefix'] ?? ''),
    hasWholeEvents: mode !== 'per_event',
    intervalMs: Math.min(flushMs, lookMsMax),
    timeoutMs: Number(settings['timeout']),
  });
  const deliver = async (batch: readonly Delivery[], signal: AbortSignal): Promise<Outcome[]> => {
    const fault = await upload.trouble(signal).catch((error: Error) => error.message);
    const reason = reasonOf(fault);
    if (reason !== undefined) {
      return batch.map(() => ({ kind: 'retry', fault: 'destination', reason }));
    }
    return spool.deliver(batch, signal);
  };
  return {
    batchEventsMax: spool.batchEventsMax,
    concurrency: spool.concurrency,
    trouble: () => reasonOf(upload.fault()) ?? spool.trouble?.(),
    ...closeWhenIdle(deliver, async () => {
      await spool.close();
      await upload.close();
      store.close();
    }),
  };
}

const reasonOf = (fault: string | undefined): string | undefined =>
  fault && `objects cannot be written: ${fault}`;
