import type { EventContract } from '../../event/contracts/event-contract.ts';
import type { DestinationSettings, TablesPreview } from '../destination.ts';
import { previewTables } from '../tables/preview-tables.ts';
import { tablesOf } from '../tables/table-mode.ts';
import { createClickhouseConnection } from './connection.ts';
import { reasonOf } from './fault.ts';
import { missingStatements } from './table-register.ts';
import { clickhouseDialect, clickhouseStatements, clickhouseView } from './typed-statements.ts';
import { TableFault } from '../tables/table-fault.ts';

/** Asks the server what there is, and changes nothing. */
export async function previewClickhouseTables(
  name: string,
  settings: DestinationSettings,
  contracts: readonly EventContract[],
): Promise<TablesPreview | undefined> {
  const { mode, prefix } = tablesOf(name, settings);
  if (mode === 'events') return undefined;
  const { client, close } = createClickhouseConnection(name, settings);
  try {
    return await previewTables(
      contracts,
      { dialect: clickhouseDialect, prefix },
      {
        create: (plan, changes) =>
          [...clickhouseStatements(plan, changes), clickhouseView(plan)].filter(
            (one) => one !== undefined,
          ),
        missing: async (plan) => {
          try {
            return await missingStatements(client, plan);
          } catch (error) {
            if (error instanceof TableFault) throw error;
            throw new Error(reasonOf(error), { cause: error });
          }
        },
      },
    );
  } finally {
    await close();
  }
}
