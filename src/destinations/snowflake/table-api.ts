import type { DeclaredColumn, TableApi } from '../described-tables.ts';
import { literal, quoted } from './columns.ts';
import { isGone, SnowflakeError } from './fault.ts';
import type { SnowflakeSession } from './session.ts';

/** Makes and changes tables. Each statement of DDL is committed by itself. */
export const tableApi: TableApi<SnowflakeSession> = {
  async read(table, session) {
    const described = await session
      .run(`DESCRIBE TABLE ${quoted(table)}`)
      .catch((error: unknown) => {
        if (error instanceof SnowflakeError && isGone(error)) return undefined;
        throw error;
      });
    if (described === undefined) return undefined;
    const [found] = await session.run(
      `SELECT "COMMENT" FROM INFORMATION_SCHEMA.TABLES
       WHERE "TABLE_SCHEMA" = CURRENT_SCHEMA() AND "TABLE_NAME" = ${literal(table.toUpperCase())}`,
    );
    const columns = described.map(
      ([name, type]) =>
        [plannedName(String(name)), String(type).replace(/^VARCHAR.*/, 'VARCHAR')] as const,
    );
    return { description: String(found?.[0] ?? ''), columns: new Map(columns) };
  },
  async create(table, { description, columns }, session) {
    await session.run(createStatement(table, description, columns));
    // Another worker may have made it, with fewer columns.
    return false;
  },
  async add(table, _found, columns, session) {
    for (const column of columns) {
      await session.run(`ALTER TABLE ${quoted(table)} ADD COLUMN IF NOT EXISTS ${declare(column)}`);
    }
    return true;
  },
};

/** Names with small letters are of others: in ours every letter is a capital one. */
function plannedName(name: string): string {
  return name === name.toUpperCase() ? name.toLowerCase() : `"${name}"`;
}

export function createStatement(
  table: string,
  comment: string,
  columns: readonly DeclaredColumn[],
): string {
  const declared = columns.map(declare).join(',\n  ');
  return `CREATE TABLE IF NOT EXISTS ${quoted(table)} (\n  ${declared}\n) COMMENT = ${literal(comment)}`;
}

function declare({ name, declared }: DeclaredColumn): string {
  return `${quoted(name)} ${declared}`;
}
