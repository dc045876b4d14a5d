import type { EventContract } from '../../event/contracts/event-contract.ts';
import { declaredColumns, markOf } from '../described-tables.ts';
import type { DestinationSettings, TablesPreview } from '../destination.ts';
import { previewUnread } from '../tables/preview-tables.ts';
import { snowflakeDialect as dialect } from './columns.ts';
import { createStatement } from './table-api.ts';

/** The statements that make each table. Does not log in, so it does not know what there is. */
export function previewSnowflakeTables(
  name: string,
  settings: DestinationSettings,
  contracts: readonly EventContract[],
): Promise<TablesPreview | undefined> {
  return previewUnread({
    name,
    settings,
    contracts,
    dialect,
    create: (plan) => [createStatement(plan.table, markOf(plan), declaredColumns(plan, dialect))],
  });
}
