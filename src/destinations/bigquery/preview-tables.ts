import type { EventContract } from '../../event/contracts/event-contract.ts';
import type { DestinationSettings, TablesPreview } from '../destination.ts';
import { commentsOf } from '../parquet/preview-tables.ts';
import { changesOf, type TablePlan } from '../tables/plan-table.ts';
import { previewTables } from '../tables/preview-tables.ts';
import { tablesOf } from '../tables/table-mode.ts';
import { bigqueryDialect } from './columns.ts';

/** The columns that each table has once its worker has run. Does not read the dataset. */
export async function previewBigqueryTables(
  name: string,
  settings: DestinationSettings,
  contracts: readonly EventContract[],
): Promise<TablesPreview | undefined> {
  const { mode, prefix } = tablesOf(name, settings);
  if (mode === 'events') return undefined;
  const { project, dataset } = settings;
  const create = (plan: TablePlan): string[] => {
    const place = JSON.stringify(`${String(project)}.${String(dataset)}.${plan.table}`);
    const changes = changesOf(plan, undefined, bigqueryDialect);
    return commentsOf(place, plan, changes, 'a table with the columns', bigqueryDialect);
  };
  return previewTables(
    contracts,
    { dialect: bigqueryDialect, prefix },
    { create, missing: (plan) => Promise.resolve(create(plan)) },
  );
}
