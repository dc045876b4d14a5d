import type { PoolClient } from 'pg';
import { eventColumns } from '../../tables/event-columns.ts';
import type { TablePlan } from '../../tables/plan-table.ts';
import { errorCode, isTableGone } from '../fault.ts';
import { quoted, type SchemaPrefix } from '../typed-statements.ts';
import { runWithData } from './copy-query.ts';
import type { CopyRows } from './copy-rows.ts';
import { NoCopyError } from './no-copy-error.ts';

/** The statements that fill a table of events by `COPY`. All need the ids of the rows. */
export type CopyStatements = (ids: readonly string[]) => readonly string[];

/** Rows of one table that `COPY` sends. */
export interface TableCopy {
  readonly statements: CopyStatements;
  readonly rows: CopyRows;
}

/**
 * `COPY` has no conflict that names its column, so it does not notice that the table has lost its key: then an event could
 * be in it twice. The `INSERT` without rows before it does. It keeps the table from being altered until the transaction
 * ends, and refuses a table with rules, which `COPY` would leave out. It removes what `insertRows` removes.
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
  const copy = `COPY ${table} (${columns}) FROM STDIN`;
  if (plan.event === undefined) return () => [checkKey, copy];
  const other = `${schema}${quoted(unplanned.table)}`;
  return (ids) => [
    `DELETE FROM ${other} WHERE event_id = ANY ('{${ids.join(',')}}'::uuid[])`,
    checkKey,
    copy,
  ];
}

/**
 * Runs `COPY` for each table. All is one message, and so one transaction if none has begun. Throws a NoCopyError if the
 * same rows may go by `INSERT`.
 *
 * @param last what follows in the same message.
 */
export async function runCopies(
  client: PoolClient,
  copies: readonly TableCopy[],
  last: readonly string[],
): Promise<void> {
  const statements = copies.flatMap((copy) => copy.statements(copy.rows.ids));
  const messages = copies.map(({ rows }) => rows.messages);
  try {
    await runWithData(client, [...statements, ...last], messages);
  } catch (error) {
    throw isRefusal(error) ? new NoCopyError(`PostgreSQL ${errorCode(error)}`) : error;
  }
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
