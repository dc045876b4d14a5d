import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { parquetMetadata } from 'hyparquet';
import type { EventContract } from '../../event/contracts/event-contract.ts';
import type { DestinationSettings, TablesPreview } from '../destination.ts';
import type { TableDialect } from '../tables/dialect.ts';
import { eventColumns } from '../tables/event-columns.ts';
import { changesOf, type TableChanges, type TablePlan } from '../tables/plan-table.ts';
import { previewTables } from '../tables/preview-tables.ts';
import { tablesOf } from '../tables/table-mode.ts';
import { parquetDialect } from './typed-columns.ts';

/** Reads the newest file of each table, which has all its columns. Writes nothing. */
export async function previewParquetTables(
  name: string,
  settings: DestinationSettings,
  contracts: readonly EventContract[],
): Promise<TablesPreview | undefined> {
  const { mode, prefix } = tablesOf(name, settings);
  if (mode === 'events') return undefined;
  const folder = path.resolve(String(settings['path']));
  const describe = (plan: TablePlan, changes: TableChanges): string[] =>
    commentsOf(
      JSON.stringify(path.join(folder, plan.table)),
      plan,
      changes,
      changes.create === undefined
        ? 'new files have these columns, too'
        : 'a new folder, with the columns',
    );
  return previewTables(
    contracts,
    { dialect: parquetDialect, prefix },
    {
      create: describe,
      missing: (plan) => {
        const file = newestFile(path.join(folder, plan.table));
        const existing = file === undefined ? undefined : columnsOf(file);
        const changes = changesOf(plan, existing, parquetDialect);
        return Promise.resolve(describe(plan, changes));
      },
    },
  );
}

/** The columns that are new, as comments of SQL: what is printed for other destinations is SQL. */
export function commentsOf(
  place: string,
  plan: TablePlan,
  changes: TableChanges,
  what: string,
  dialect: TableDialect = parquetDialect,
): string[] {
  const isNew = changes.create !== undefined;
  const common = eventColumns
    .filter((column) => isNew || changes.addCommon.includes(column.name))
    .map(({ name, type }) => ({ name, declared: dialect.typeOf(type) }));
  const columns = [...common, ...(isNew ? plan.columns : changes.add)];
  if (columns.length === 0) return [];
  const lines = columns.map(({ name, declared }) => `--   ${name} ${declared}`);
  return [`-- ${place}: ${what}\n${lines.join('\n')}`];
}

/** The one that was written last. Undefined if there is none. */
function newestFile(folder: string): string | undefined {
  let newest: { readonly file: string; readonly atMs: number } | undefined;
  for (const entry of entriesOf(folder)) {
    const isFile = entry.endsWith('.parquet') && !path.basename(entry).startsWith('.');
    if (!isFile) continue;
    const file = path.join(folder, entry);
    const atMs = statSync(file).mtimeMs;
    if (newest === undefined || atMs >= newest.atMs) newest = { file, atMs };
  }
  return newest?.file;
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Only the names count: a file is never changed, so its types are those of its plan. */
function columnsOf(file: string): ReadonlyMap<string, string> {
  const { schema } = parquetMetadata(Uint8Array.from(readFileSync(file)).buffer);
  const [, ...columns] = schema;
  return new Map(columns.map(({ name }) => [name, '']));
}
