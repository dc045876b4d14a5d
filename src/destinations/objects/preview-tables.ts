import type { EventContract } from '../../event/contracts/event-contract.ts';
import type { DestinationSettings, TablesPreview } from '../destination.ts';
import { commentsOf } from '../parquet/preview-tables.ts';
import { parquetDialect } from '../parquet/typed-columns.ts';
import { changesOf, type TablePlan } from '../tables/plan-table.ts';
import { previewTables } from '../tables/preview-tables.ts';
import { tablesOf } from '../tables/table-mode.ts';

/**
 * The columns of each table's objects. Does not read the bucket: new objects have all columns, and others
 * stay as they are.
 *
 * @param scheme of the bucket: `s3` or `gs`.
 */
export async function previewBucketTables(
  scheme: string,
  name: string,
  settings: DestinationSettings,
  contracts: readonly EventContract[],
): Promise<TablesPreview | undefined> {
  const { mode, prefix } = tablesOf(name, settings);
  if (mode === 'events') return undefined;
  const { bucket, prefix: folder } = settings;
  const create = (plan: TablePlan): string[] => {
    const place = `${scheme}://${String(bucket)}/${String(folder ?? '')}${plan.table}/`;
    const changes = changesOf(plan, undefined, parquetDialect);
    return commentsOf(JSON.stringify(place), plan, changes, 'new objects have the columns');
  };
  return previewTables(
    contracts,
    { dialect: parquetDialect, prefix },
    { create, missing: (plan) => Promise.resolve(create(plan)) },
  );
}
