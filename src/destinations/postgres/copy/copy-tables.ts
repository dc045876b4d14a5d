import type { PoolClient } from 'pg';
import { eventColumns } from '../../tables/event-columns.ts';
import type { TablePlan } from '../../tables/plan-table.ts';
import { errorCode, isTableGone } from '../fault.ts';
import { quoted, type SchemaPrefix } from '../typed-statements.ts';
import { runWithData } from './copy-query.ts';
import type { CopyRows } from './copy-rows.ts';
import { NoCopyError } from './no-copy-error.ts';

/** The statements that fill a table of events by `COPY`. */
export interface CopyStatements {
  /** Removes these events from the table of events without a contract. Undefined for that table itself. */
  readonly remove: ((ids: readonly string[]) => string) | undefined;
  /** Before the rows. */
  readonly fill: readonly string[];
}

/** Rows of one table that `COPY` sends. */
export interface TableCopy {
  readonly statements: CopyStatements;
  readonly rows: CopyRows;
}

/**
 * `COPY` has no conflict that names its column, so it does not notice that the table has lost its key: then an event could
 * be in it twice. The `INSERT` without rows before it does. It keeps the table from being altered until the transaction
 * ends, and refuses a table with rules, which `COPY` would leave out. `remove` removes what `insertRows` removes.
 */
export function copyStatements(
  schema: SchemaPrefix,
  plan: TablePlan,
  unplanned: TablePlan,
): CopyStatements {
  const table = `${schema}${quoted(plan.table)}`;
  const columns = [...eventColumns, ...plan.columns].map(({ name }) => quoted(name)).join(', ');
  const checkKey = `INSERT INTO ${table} (event_id) SELECT NULL::uuid WHERE false
    ON CONFLICT (event_id) DO NOTHING`;
  const fill = [checkKey, `COPY ${table} (${columns}) FROM STDIN`];
  if (plan.event === undefined) return { remove: undefined, fill };
  const other = `${schema}${quoted(unplanned.table)}`;
  return {
    remove: (ids) => `DELETE FROM ${other} WHERE event_id = ANY ('{${ids.join(',')}}'::uuid[])`,
    fill,
  };
}

/**
 * Fails with a division by zero unless the table of events without a contract has never had a row, or lost all of them
 * and their room: then no event of a batch has to be removed from it. To look costs nothing, while to look for each event
 * takes a twelfth of what the server does for it. One with partitions or heirs has its rows elsewhere, and one of another
 * storage may have rows without a size.
 */
export function checkEmpty(schema: SchemaPrefix, unplanned: TablePlan): string {
  const table = `${schema}${quoted(unplanned.table)}`;
  return `SELECT 1 / count(*) FROM pg_catalog.pg_class WHERE oid = '${table.replaceAll("'", "''")}'::regclass
    AND relkind = 'r' AND NOT relhassubclass AND pg_catalog.pg_relation_size(oid) = 0
    AND NOT EXISTS (SELECT FROM ${table})`;
}

/** Which rows are removed from the table of events without a contract before those of the copies are sent. */
export interface CopyOptions {
  /** From `checkEmpty`. Undefined: the table may have rows, and is searched for all of these events. */
  readonly checkEmpty: string | undefined;
  /** What follows in the same message. */
  readonly last: readonly string[];
}

/**
 * Runs `COPY` for each table. All is one message, and so one transaction if none has begun. Throws a NoCopyError if the
 * same rows may go by `INSERT`, and a NotEmptyError if `checkEmpty` fails.
 */
export async function runCopies(
  client: PoolClient,
  copies: readonly TableCopy[],
  options: CopyOptions,
): Promise<void> {
  const isChecked = options.checkEmpty !== undefined;
  const removing = copies.filter(({ statements }) => statements.remove !== undefined);
  const check = isChecked && removing.length > 0 ? [options.checkEmpty] : [];
  const statements = copies.flatMap(({ statements: { remove, fill }, rows }) =>
    isChecked || remove === undefined ? fill : [remove(rows.ids()), ...fill],
  );
  const messages = copies.map(({ rows }) => rows.messages);
  try {
    await runWithData(client, [...check, ...statements, ...options.last], messages);
  } catch (error) {
    if (check.length > 0 && errorCode(error) === divisionByZero) throw new NotEmptyError();
    throw isRefusal(error) ? new NoCopyError(`PostgreSQL ${errorCode(error)}`) : error;
  }
}

const divisionByZero = '22012';

/** The table of events without a contract has rows, or a trigger of yours divides by zero. */
export class NotEmptyError extends Error {
  override readonly name = 'NotEmptyError';
}

/**
 * Classes of errors that say something of these rows or these tables: not supported, data, constraints, conflicts between
 * transactions, rights and names, limits, objects in another state. `INSERT` finds out what, and for which event: it may
 * as well be a copy of an event that is there.
 */
const refusals = new Set(['0A', '22', '23', '40', '42', '54', '55']);

function isRefusal(error: unknown): boolean {
  const code = errorCode(error);
  return code?.length === 5 && refusals.has(code.slice(0, 2)) && !isTableGone(error);
}
