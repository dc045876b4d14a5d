import type { EventContract } from '../../event/contracts/event-contract.ts';
import type { DestinationSettings, TablesPreview } from '../destination.ts';
import { commentsOf } from '../parquet/preview-tables.ts';
import { parquetDialect as dialect } from '../parquet/typed-columns.ts';
import { changesOf } from '../tables/plan-table.ts';
import { previewUnread } from '../tables/preview-tables.ts';

/**
 * The columns of each table's objects. Does not read the bucket: new objects have all columns, and others
 * stay as they are.
 *
 * @param scheme of the bucket: `s3` or `gs`.
 */
export function previewBucketTables(
  scheme: string,
  name: string,
  settings: DestinationSettings,
  contracts: readonly EventContract[],
): Promise<TablesPreview | undefined> {
  const { bucket, prefix: folder } = settings;
  return previewUnread({
    name,
    settings,
    contracts,
    dialect,
    create: (plan) => {
      const place = `${scheme}://${String(bucket)}/${String(folder ?? '')}${plan.table}/`;
      const changes = changesOf(plan, undefined, dialect);
      return commentsOf(JSON.stringify(place), plan, changes, 'new objects have the columns');
    },
  });
}
