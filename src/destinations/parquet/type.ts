import { resolve } from 'node:path';
import type { DestinationType } from '../destination.ts';
import { expectWholeEvents, tableSettings, tablesOf } from '../tables/table-mode.ts';

/** Parquet files by the hour or the day: parquet.ts. */
export const parquetType: DestinationType = {
  type: 'parquet',
  startsFrom: 'earliest',
  secondCopies:
    'A second copy is refused for ids_kept after the first was written (7 days unless set). Later, the event is written again.',
  settings: {
    path: {
      type: 'path',
      isMade: true,
      text: 'The folder of the files, on a local disk. It is created.',
    },
    partition_by: {
      type: 'enum',
      default: 'hour',
      options: ['hour', 'event_date'],
      text: 'The folders: by the hour in which the gate received an event, or by the day on which it happened.',
    },
    flush_interval: {
      type: 'duration',
      default: '1m',
      min: '10ms',
      max: '1h',
      text: 'How long events wait for others to be in one file with, at most.',
    },
    file_events_max: {
      type: 'integer',
      default: 50_000,
      min: 1,
      max: 1_000_000,
      text: 'Events in a file. So many are written before flush_interval is over.',
    },
    ids_kept: {
      type: 'duration',
      default: '7d',
      min: '1s',
      text: 'How long after it was written a second copy of an event is known as one.',
    },
    busy_timeout: {
      type: 'duration',
      default: '5s',
      min: '1ms',
      max: '1m',
      text: 'How long a batch waits for the spool while a file is being taken from it.',
    },
    ...tableSettings,
  },
  async openArchive(name, settings) {
    expectWholeEvents(name, settings);
    const { openFolderArchive } = await import('./folder-archive.ts');
    return openFolderArchive(String(settings['path']));
  },
  async previewTables(name, settings, contracts) {
    const { previewParquetTables } = await import('./preview-tables.ts');
    return previewParquetTables(name, settings, contracts);
  },
  async locateTables(name, settings) {
    const { mode, prefix } = tablesOf(name, settings);
    if (mode === 'events') return undefined;
    const { parquetDialect } = await import('./typed-columns.ts');
    const folder = resolve(String(settings['path']));
    return {
      plan: { dialect: parquetDialect, prefix },
      schema: undefined,
      folder,
      hasViews: false,
      hasUniqueIds: true,
    };
  },
  async create(name, settings, context) {
    const { createParquetDestination } = await import('./parquet.ts');
    return createParquetDestination(name, settings, context);
  },
};
