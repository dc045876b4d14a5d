import type { DestinationType } from '../destination.ts';
import { tableSettings, tablesOf } from '../tables/table-mode.ts';

/** A SQLite file: sqlite.ts. */
export const sqliteType: DestinationType = {
  type: 'sqlite',
  startsFrom: 'earliest',
  secondCopies: 'It keeps one row for an event: a second copy is refused by event_id.',
  settings: {
    path: {
      type: 'path',
      isMade: true,
      text: 'The database file, on a local disk. It and its folder are created.',
    },
    busy_timeout: {
      type: 'duration',
      default: '5s',
      min: '1ms',
      max: '1m',
      text: 'How long a batch waits for another program that is writing to the file.',
    },
    ...tableSettings,
  },
  async previewTables(name, settings, contracts) {
    const { previewSqliteTables } = await import('./preview-tables.ts');
    return previewSqliteTables(name, settings, contracts);
  },
  async locateTables(name, settings) {
    const { mode, prefix } = tablesOf(name, settings);
    if (mode === 'events') return undefined;
    const { sqliteDialect } = await import('./typed-statements.ts');
    return {
      plan: { dialect: sqliteDialect, prefix },
      schema: 'main',
      folder: undefined,
      hasViews: true,
      hasUniqueIds: true,
    };
  },
  async create(name, settings, context) {
    const { createSqliteDestination } = await import('./sqlite.ts');
    return createSqliteDestination(name, settings, context);
  },
};
