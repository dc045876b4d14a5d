import type { ClientBase, PoolClient } from 'pg';
import { changesOf, isNewerView, type TableChanges, type TablePlan } from '../tables/plan-table.ts';
import { notOurs, wrongColumns } from '../tables/table-fault.ts';
import { findTable, lockCreation } from './table.ts';
import {
  createRegister,
  enterInRegister,
  postgresDialect,
  postgresStatements,
  postgresView,
  quoted,
  readColumns,
  type SchemaPrefix,
} from './typed-statements.ts';

/** What `headgate_tables` says about a table or a view. */
interface RegisteredTable {
  readonly event: string | undefined;
  readonly definition: string | undefined;
}

type Asked = Pick<ClientBase, 'query'>;

/** Undefined if Headgate has not made it. */
export async function findRegistered(
  client: Asked,
  schema: SchemaPrefix,
  name: string,
): Promise<RegisteredTable | undefined> {
  if (!(await exists(client, `${schema}headgate_tables`))) return undefined;
  const { rows } = await client.query<{ event_name: string | null; definition: string | null }>(
    `SELECT event_name, definition FROM ${schema}headgate_tables WHERE table_name = $1`,
    [name],
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  return { event: row.event_name ?? undefined, definition: row.definition ?? undefined };
}

/** The tables of events that exist, that of events without a contract included. */
export async function findEventTables(client: Asked, schema: SchemaPrefix): Promise<string[]> {
  if (!(await exists(client, `${schema}headgate_tables`))) return [];
  const { rows } = await client.query<{ table_name: string }>(
    `SELECT table_name FROM ${schema}headgate_tables
    WHERE kind = 'table' AND to_regclass($1 || quote_ident(table_name)) IS NOT NULL`,
    [schema],
  );
  return rows.map(({ table_name: table }) => `${schema}${quoted(table)}`);
}

async function exists(client: Asked, relation: string): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>(findTable, [relation]);
  return rows[0]?.there === true;
}

/** Throws a TableFault if the table is of another program, or has a column of another type. */
async function readChanges(
  client: Asked,
  schema: SchemaPrefix,
  plan: TablePlan,
): Promise<TableChanges> {
  const relation = `${schema}${quoted(plan.table)}`;
  const { rows } = await client.query<{ name: string; type: string }>(readColumns, [relation]);
  const existing = rows.length === 0 ? undefined : new Map(rows.map((row) => [row.name, row.type]));
  if (existing !== undefined) {
    const found = await findRegistered(client, schema, plan.table);
    if (found === undefined || found.event !== plan.event) throw notOurs(`table ${relation}`);
  }
  const changes = changesOf(plan, existing, postgresDialect);
  if (changes.wrong.length > 0) throw wrongColumns(`table ${relation}`, changes.wrong);
  return changes;
}

/** The statements that the database lacks of a plan. Only reads. */
export async function missingStatements(
  client: Asked,
  schema: SchemaPrefix,
  plan: TablePlan,
): Promise<string[]> {
  const changes = await readChanges(client, schema, plan);
  const statements = postgresStatements(schema, plan, changes);
  const view = postgresView(schema, plan);
  if (view === undefined || plan.view === undefined) return statements;
  const relation = `${schema}${quoted(plan.view.name)}`;
  const found = await findRegistered(client, schema, plan.view.name);
  const isThere = await exists(client, relation);
  if (isThere && found?.event !== plan.event) throw notOurs(`view ${relation}`);
  if (isThere && found?.definition === view) return statements;
  if (isThere && isNewerView(found?.definition, plan.view)) return statements;
  return [...statements, `CREATE OR REPLACE VIEW ${relation} AS ${view}`];
}

/**
 * Makes the table what its plan says, and its view. One at a time does so in a database, and what another
 * has made meanwhile is found. Does not wait for the lock behind a long query of an analyst: every other
 * query would wait behind this.
 */
export async function makeTable(
  client: PoolClient,
  schema: SchemaPrefix,
  plan: TablePlan,
): Promise<void> {
  if ((await missingStatements(client, schema, plan)).length === 0) return;
  await client.query('BEGIN');
  await client.query("SET LOCAL lock_timeout = '2s'");
  await client.query(lockCreation);
  await client.query(createRegister(schema));
  const changes = await readChanges(client, schema, plan);
  for (const statement of postgresStatements(schema, plan, changes)) await client.query(statement);
  const enter = enterInRegister(schema);
  if (changes.create !== undefined) {
    await client.query(enter, [plan.table, plan.event ?? null, 'table', null]);
  }
  await makeView(client, schema, plan);
  await client.query('COMMIT');
}

async function makeView(client: PoolClient, schema: SchemaPrefix, plan: TablePlan): Promise<void> {
  const query = postgresView(schema, plan);
  if (query === undefined || plan.view === undefined) return;
  const { name } = plan.view;
  const relation = `${schema}${quoted(name)}`;
  const found = await findRegistered(client, schema, name);
  if (isNewerView(found?.definition, plan.view) && (await exists(client, relation))) return;
  const create = `VIEW ${relation} AS ${query}`;
  // A column whose type changes cannot be replaced. What depends on the view keeps the old one.
  const isMade =
    (await attempt(client, [`CREATE OR REPLACE ${create}`])) ||
    (await attempt(client, [`DROP VIEW ${relation}`, `CREATE ${create}`]));
  if (!isMade) return;
  await client.query(enterInRegister(schema), [name, plan.event ?? null, 'view', query]);
}

/** All statements, or none of them. */
async function attempt(client: PoolClient, statements: readonly string[]): Promise<boolean> {
  await client.query('SAVEPOINT view_made');
  try {
    for (const statement of statements) await client.query(statement);
    return true;
  } catch {
    await client.query('ROLLBACK TO SAVEPOINT view_made');
    return false;
  }
}
