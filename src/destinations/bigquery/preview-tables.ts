import type { EventContract } from '../../event/contracts/event-contract.ts';
import type { DestinationSettings, TablesPreview } from '../destination.ts';
import { commentsOf } from '../parquet/preview-tables.ts';
import { changesOf } from '../tables/plan-table.ts';
import { previewUnread } from '../tables/preview-tables.ts';
import { bigqueryDialect as dialect } from './columns.ts';

/** The columns that each table has once its worker has run. Does not read the dataset. */
export function previewBigqueryTables(
  name: string,
  settings: DestinationSettings,
  contracts: readonly EventContract[],
): Promise<TablesPreview | undefined> {
  const { project, dataset } = settings;
  return previewUnread({
    name,
    settings,
    contracts,
    dialect,
    create: (plan) => {
      const place = JSON.stringify(`${String(project)}.${String(dataset)}.${plan.table}`);
      const changes = changesOf(plan, undefined, dialect);
      return commentsOf(place, plan, changes, 'a table with the columns', dialect);
    },
  });
}
