import { Client } from 'pg';
import type { EventContract } from '../../event/contracts/event-contract.ts';
import type { DestinationSettings, TablesPreview } from '../destination.ts';
import { previewTables } from '../tables/preview-tables.ts';
import { faultOf } from './fault.ts';
import { tablesOf } from '../tables/table-mode.ts';
import { readConnection, readTable } from './settings.ts';
import { expectRights, missingStatements } from './table-register.ts';
import { postgresDialect, postgresStatements, postgresView, quoted } from './typed-statements.ts';

/** Asks the server what there is, and changes nothing. */
export async function previewPostgresTables(
  name: string,
  settings: DestinationSettings,
  contracts: readonly EventContract[],
): Promise<TablesPreview | undefined> {
  const { mode, prefix } = tablesOf(name, settings);
  if (mode === 'events') return undefined;
  const { schema } = readTable(name, settings);
  const client = new Client(readConnection(name, settings));
  // A connection that breaks fails the query in progress.
  client.on('error', () => undefined);
  const connected = client.connect().then(
    () => undefined,
    (error: unknown) => error,
  );
  try {
    return await previewTables(
      contracts,
      { dialect: postgresDialect, prefix },
      {
        create: (plan, changes) => {
          const view = postgresView(schema, plan);
          const named = `${schema}${quoted(plan.view?.name ?? '')}`;
          const statements = postgresStatements(schema, plan, changes);
          return view === undefined
            ? statements
            : [...statements, `CREATE VIEW ${named} AS ${view}`];
        },
        missing: async (plan) => {
          const fault = await connected;
          if (fault === undefined) {
            await expectRights(client, schema, plan);
            return missingStatements(client, schema, plan);
          }
          const { outcome } = faultOf(fault);
          throw new Error(outcome.kind === 'delivered' ? '' : outcome.reason);
        },
      },
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}
