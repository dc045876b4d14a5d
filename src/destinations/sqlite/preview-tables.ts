import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { EventContract } from '../../event/contracts/event-contract.ts';
import type { DestinationSettings, TablesPreview } from '../destination.ts';
import { previewTables } from '../tables/preview-tables.ts';
import { tablesOf } from '../tables/table-mode.ts';
import { missingStatements } from './table-register.ts';
import { sqliteDialect, sqliteStatements, sqliteView } from './typed-statements.ts';

/** Reads the file, and never creates it. */
export async function previewSqliteTables(
  name: string,
  settings: DestinationSettings,
  contracts: readonly EventContract[],
): Promise<TablesPreview | undefined> {
  const tables = tablesOf(name, settings);
  if (tables.mode === 'events') return undefined;
  const path = resolve(String(settings['path']));
  let database: DatabaseSync | undefined;
  try {
    return await previewTables(
      contracts,
      { dialect: sqliteDialect, prefix: tables.prefix },
      {
        create: (plan, changes) =>
          [...sqliteStatements(plan, changes), sqliteView(plan)].filter((one) => one !== undefined),
        missing: async (plan) => {
          if (!existsSync(path)) throw new Error(`there is no file ${path} yet`);
          database ??= new DatabaseSync(path, {
            readOnly: true,
            timeout: Number(settings['busy_timeout']),
          });
          return missingStatements(database, plan);
        },
      },
    );
  } finally {
    database?.close();
  }
}
