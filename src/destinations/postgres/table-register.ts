import type { ClientBase, PoolClient } from 'pg';
import {
  eventTablesAmong,
  hasEventColumns,
  telltaleColumns,
} from '../tables/found/found-tables.ts';
import {
  changesOf,
  columnBeside,
  isNewerView,
  type TableChanges,
  type TablePlan,
} from '../tables/plan-table.ts';
import {
  needsValue,
  noKey,
  noRight,
  notOurs,
  otherKind,
  wrongColumns,
} from '../tables/table-fault.ts';
import { errorCode } from './fault.ts';
import { findTable, lockCreation } from './table.ts';
import {
  createRegister,
  enterInRegister,
  postgresDialect,
  postgresStatements,
  postgresView,
  quoted,
  findCandidates,
  findKey,
  findMissingRights,
  findNeeded,
  readColumns,
  readKind,
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
  if (!(await hasRegister(client, schema))) return undefined;
  const { rows } = await client.query<{ event_name: string | null; definition: string | null }>(
    `SELECT event_name, definition FROM ${schema}headgate_tables WHERE table_name = $1`,
    [name],
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  return { event: row.event_name ?? undefined, definition: row.definition ?? undefined };
}

/** Throws a TableFault if something else has its name. */
async function hasRegister(client: Asked, schema: SchemaPrefix): Promise<boolean> {
  const relation = `${schema}headgate_tables`;
  const columns = await columnsOf(client, relation);
  const isRegister = ['table_name', 'event_name', 'definition'].every((name) => columns.has(name));
  if (columns.size > 0 && !isRegister) throw notOurs(`table ${relation}`);
  return isRegister;
}

/** Which of these tables have become the table of their event. */
export async function tablesAmong(
  client: Asked,
  schema: SchemaPrefix,
  wanted: ReadonlyMap<string, string>,
): Promise<ReadonlySet<string>> {
  // Nearly always none of them exists.
  const { rows } = await client.query<{ name: string }>(
    'SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass($2 || quote_ident(name)) IS NOT NULL',
    [[...wanted.values()], schema],
  );
  const existing = new Set(rows.map(({ name }) => name));
  const found = new Set<string>();
  for (const [event, table] of wanted) {
    if (existing.has(table) && (await isTableOf(client, schema, table, event))) found.add(event);
  }
  return found;
}

/** The tables of events that have rows, that of events without a contract included. Quoted. */
export async function findEventTables(
  client: Asked,
  schema: SchemaPrefix,
  prefix: string,
): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(findCandidates, [schema, telltaleColumns]);
  const naming = { prefix, nameBytesMax: postgresDialect.nameBytesMax };
  const names = rows.map(({ name }) => name);
  const nameOf = (table: string): string => `${schema}${quoted(table)}`;
  const found = await eventTablesAmong(names, naming, (table) => firstEvent(client, nameOf(table)));
  return found.map(nameOf);
}

async function firstEvent(client: Asked, relation: string): Promise<string | undefined> {
  const first = `SELECT event_name FROM ${relation} LIMIT 1`;
  return (await client.query<{ event_name: string }>(first)).rows[0]?.event_name;
}

async function isThere(client: Asked, query: string, relation: string): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>(query, [relation]);
  return rows[0]?.there === true;
}

/** What has this name, in PostgreSQL's words. Undefined if nothing has. */
async function kindOf(client: Asked, relation: string): Promise<string | undefined> {
  return (await client.query<{ kind: string }>(readKind, [relation])).rows[0]?.kind;
}

/**
 * Whether a table is the one of an event. If `headgate_tables` does not have it, because somebody dropped
 * that, its columns and its first row say so.
 */
export async function isTableOf(
  client: Asked,
  schema: SchemaPrefix,
  table: string,
  event: string | undefined,
): Promise<boolean> {
  const relation = `${schema}${quoted(table)}`;
  const columns = await columnsOf(client, relation);
  // Somebody may have dropped Headgate's table, and made one of his own.
  if (!columns.has('event_id')) return false;
  const found = await findRegistered(client, schema, table);
  if (found !== undefined) return found.event === event;
  if (!hasEventColumns(columns.keys())) return false;
  const first = event === undefined ? undefined : await firstEvent(client, relation);
  return first === undefined || first === event;
}

async function columnsOf(client: Asked, relation: string): Promise<ReadonlyMap<string, string>> {
  const { rows } = await client.query<{ name: string; type: string }>(readColumns, [relation]);
  return new Map(rows.map((row) => [row.name, row.type]));
}

/** Throws a TableFault if the table is of another program, or has a column of another type. */
async function readChanges(
  client: Asked,
  schema: SchemaPrefix,
  plan: TablePlan,
): Promise<TableChanges> {
  const relation = `${schema}${quoted(plan.table)}`;
  const kind = await kindOf(client, relation);
  if (kind === undefined) return changesOf(plan, undefined, postgresDialect);
  if (kind !== 'table') throw otherKind(relation, kind, 'table');
  if (!(await isTableOf(client, schema, plan.table, plan.event))) {
    throw notOurs(`table ${relation}`);
  }
  const changes = changesOf(plan, await columnsOf(client, relation), postgresDialect);
  if (changes.wrong.length > 0) throw wrongColumns(`table ${relation}`, changes.wrong);
  if (!(await isThere(client, findKey, relation))) {
    throw noKey(`table ${relation}`, `ALTER TABLE ${relation} ADD PRIMARY KEY (event_id)`);
  }
  const column = columnBeside(plan, await namesFrom(client, findNeeded, relation));
  if (column !== undefined) throw needsValue(`table ${relation}`, column);
  return changes;
}

async function namesFrom(client: Asked, query: string, relation: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(query, [relation]);
  return rows.map(({ name }) => name);
}

/** Throws a TableFault if the user may not insert rows into the table. A worker hears that of its insert. */
export async function expectRights(
  client: Asked,
  schema: SchemaPrefix,
  plan: TablePlan,
): Promise<void> {
  const relation = `${schema}${quoted(plan.table)}`;
  const [right] = await namesFrom(client, findMissingRights, relation);
  if (right !== undefined) throw noRight(`table ${relation}`, right);
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
  const kind = await kindOf(client, relation);
  if (kind !== undefined) {
    if (kind !== 'view') throw otherKind(relation, kind, 'view');
    const found = await findRegistered(client, schema, plan.view.name);
    const isOurs =
      found === undefined
        ? hasEventColumns((await columnsOf(client, relation)).keys())
        : found.event === plan.event;
    if (!isOurs) throw notOurs(`view ${relation}`);
    const isKept = found?.definition === view || isNewerView(found?.definition, plan.view);
    // A view goes on reading a table that somebody renamed.
    if (isKept && changes.create === undefined) return statements;
  }
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
  const isKnown = (await findRegistered(client, schema, plan.table)) !== undefined;
  if ((await missingStatements(client, schema, plan)).length === 0 && isKnown) return;
  await client.query('BEGIN');
  await client.query("SET LOCAL lock_timeout = '2s'");
  await client.query(lockCreation);
  await client.query(createRegister(schema));
  const changes = await readChanges(client, schema, plan);
  for (const statement of postgresStatements(schema, plan, changes)) await client.query(statement);
  const enter = enterInRegister(schema);
  await client.query(enter, [plan.table, plan.event ?? null, 'table', null]);
  await makeView(client, schema, plan, changes.create !== undefined);
  await client.query('COMMIT');
}

async function makeView(
  client: PoolClient,
  schema: SchemaPrefix,
  plan: TablePlan,
  isNew: boolean,
): Promise<void> {
  const query = postgresView(schema, plan);
  if (query === undefined || plan.view === undefined) return;
  const { name } = plan.view;
  const relation = `${schema}${quoted(name)}`;
  const found = await findRegistered(client, schema, name);
  if (
    !isNew &&
    isNewerView(found?.definition, plan.view) &&
    (await isThere(client, findTable, relation))
  )
    return;
  const create = `VIEW ${relation} AS ${query}`;
  // A column whose type changes cannot be replaced. What depends on the view keeps the old one.
  const isMade =
    (await attempt(client, [`CREATE OR REPLACE ${create}`], '42P16')) ||
    (await attempt(client, [`DROP VIEW ${relation}`, `CREATE ${create}`], '2BP01'));
  if (!isMade) return;
  await client.query(enterInRegister(schema), [name, plan.event ?? null, 'view', query]);
}

/** All statements, or none of them if they fail with this code. Throws any other error. */
async function attempt(
  client: PoolClient,
  statements: readonly string[],
  code: string,
): Promise<boolean> {
  await client.query('SAVEPOINT view_made');
  try {
    for (const statement of statements) await client.query(statement);
    return true;
  } catch (error) {
    if (errorCode(error) !== code) throw error;
    await client.query('ROLLBACK TO SAVEPOINT view_made');
    return false;
  }
}
