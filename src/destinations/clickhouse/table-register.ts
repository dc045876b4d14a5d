import type { ClickHouseClient } from '@clickhouse/client';
import {
  eventTablesAmong,
  hasEventColumns,
  telltaleColumns,
} from '../tables/found/found-tables.ts';
import {
  changesOf,
  type PlannedView,
  type TableChanges,
  type TablePlan,
} from '../tables/plan-table.ts';
import { notOurs, otherKind, wrongColumns } from '../tables/table-fault.ts';
import { readTypes } from './table-types.ts';
import {
  clickhouseDialect,
  clickhouseStatements,
  clickhouseView,
  commentOf,
  plannedType,
  quoted,
  text,
  viewCommentOf,
  viewNumberOf,
  versionIn,
} from './typed-statements.ts';

/** What a question is sent with. */
export type Asked = { readonly abort_signal?: AbortSignal };

interface FoundTable {
  readonly comment: string;
  readonly engine: string;
}

async function ask<Row>(
  client: ClickHouseClient,
  query: string,
  { abort_signal }: Asked,
): Promise<Row[]> {
  const signal = abort_signal === undefined ? {} : { abort_signal };
  const answer = await client.query({ query, format: 'JSONEachRow', ...signal });
  return answer.json<Row>();
}

/** Undefined if there is no such table or view. */
async function findNamed(
  client: ClickHouseClient,
  name: string,
  asked: Asked,
): Promise<FoundTable | undefined> {
  const query = `SELECT comment, engine FROM system.tables
    WHERE database = currentDatabase() AND name = ${text(name)}`;
  return (await ask<FoundTable>(client, query, asked))[0];
}

/** The declared type of each column, as a plan knows it. */
async function columnsIn(
  client: ClickHouseClient,
  table: string,
  { abort_signal }: Asked,
): Promise<ReadonlyMap<string, string>> {
  const signal = abort_signal === undefined ? {} : { abort_signal };
  const types = await readTypes(client, quoted(table), signal);
  return new Map([...types].map(([name, type]) => [name, plannedType(name, type)]));
}

async function firstEvent(
  client: ClickHouseClient,
  table: string,
  asked: Asked,
): Promise<string | undefined> {
  const query = `SELECT event_name FROM ${quoted(table)} LIMIT 1`;
  return (await ask<{ event_name: string }>(client, query, asked))[0]?.event_name;
}

/** The quoted names of the tables of events that have rows. */
export async function findEventTables(client: ClickHouseClient, prefix: string): Promise<string[]> {
  const names = telltaleColumns.map(text).join(', ');
  const query = `SELECT table AS found FROM system.columns
    WHERE database = currentDatabase() AND name IN (${names}) AND table IN (
      SELECT name FROM system.tables
      WHERE database = currentDatabase() AND engine NOT LIKE '%View')
    GROUP BY table HAVING count() = ${telltaleColumns.length} ORDER BY table`;
  const rows = await ask<{ found: string }>(client, query, {});
  const naming = { prefix, nameBytesMax: clickhouseDialect.nameBytesMax };
  const tables = await eventTablesAmong(
    rows.map((row) => row.found),
    naming,
    (table) => firstEvent(client, table, {}),
  );
  return tables.map(quoted);
}

/** Which of these tables have become the table of their event. */
export async function tablesAmong(
  client: ClickHouseClient,
  wanted: ReadonlyMap<string, string>,
  asked: Asked,
): Promise<ReadonlySet<string>> {
  const names = [...wanted.values()].map(text).join(', ');
  // Nearly always none of them exists.
  const query = `SELECT name FROM system.tables
    WHERE database = currentDatabase() AND name IN (${names})`;
  const existing = new Set(
    (await ask<{ name: string }>(client, query, asked)).map(({ name }) => name),
  );
  const found = new Set<string>();
  for (const [event, table] of wanted) {
    if (existing.has(table) && (await isTableOf(client, table, event, asked))) found.add(event);
  }
  return found;
}

/**
 * Whether a table is the one of an event. If it has no comment, because somebody took that away or made the
 * table for a cluster, its columns and its first row say so.
 */
export async function isTableOf(
  client: ClickHouseClient,
  table: string,
  event: string | undefined,
  asked: Asked,
): Promise<boolean> {
  const found = await findNamed(client, table, asked);
  if (found === undefined) return false;
  const columns = await columnsIn(client, table, asked);
  // Somebody may have dropped Headgate's table, and made one of his own.
  if (!columns.has('event_id')) return false;
  if (found.comment !== '') return found.comment === commentOf(event);
  if (!hasEventColumns(columns.keys())) return false;
  const first = event === undefined ? undefined : await firstEvent(client, table, asked);
  return first === undefined || first === event;
}

/** Throws a TableFault if the table is of another program, or has a column of another type. */
async function readChanges(
  client: ClickHouseClient,
  plan: TablePlan,
  asked: Asked,
): Promise<TableChanges> {
  const found = await findNamed(client, plan.table, asked);
  if (found === undefined) return changesOf(plan, undefined, clickhouseDialect);
  const kind = kindOf(found);
  if (kind !== 'table') throw otherKind(quoted(plan.table), kind, 'table');
  const where = `table ${quoted(plan.table)}`;
  if (!(await isTableOf(client, plan.table, plan.event, asked))) throw notOurs(where);
  const changes = changesOf(plan, await columnsIn(client, plan.table, asked), clickhouseDialect);
  if (changes.wrong.length > 0) throw wrongColumns(where, changes.wrong);
  return changes;
}

function kindOf({ engine }: FoundTable): string {
  if (engine.endsWith('View')) return engine === 'View' ? 'view' : 'materialized view';
  return engine === 'Dictionary' ? 'dictionary' : 'table';
}

/** The statement that makes the view, if the one that is there is older. Throws a TableFault. */
async function missingView(
  client: ClickHouseClient,
  plan: TablePlan,
  asked: Asked,
): Promise<string[]> {
  const query = clickhouseView(plan);
  if (query === undefined || plan.view === undefined) return [];
  const name = quoted(plan.view.name);
  const found = await findNamed(client, plan.view.name, asked);
  if (found === undefined) return [query];
  const kind = kindOf(found);
  if (kind !== 'view') throw otherKind(name, kind, 'view');
  const made = versionIn(found.comment);
  const isOurs = made !== undefined && found.comment === viewCommentOf(plan.event, made);
  if (!isOurs && found.comment !== commentOf(plan.event)) throw notOurs(`view ${name}`);
  // A worker with newer contracts has made it.
  if ((made ?? 0) > plan.view.newest) return [];
  return made === plan.view.newest && (await hasNumbers(client, plan.view, asked)) ? [] : [query];
}

/** False for a view of an earlier release, which read numbers of several types as text. */
async function hasNumbers(
  client: ClickHouseClient,
  { name, columns }: PlannedView,
  asked: Asked,
): Promise<boolean> {
  const wanted = columns.map((column) => [column.name, viewNumberOf(column)] as const);
  if (wanted.every(([, type]) => type === undefined)) return true;
  const types = await columnsIn(client, name, asked);
  return wanted.every(([column, type]) => type === undefined || types.get(column) === type);
}

/** The statements that the database lacks of a plan. Only reads. Throws a TableFault. */
export async function missingStatements(
  client: ClickHouseClient,
  plan: TablePlan,
  asked: Asked = {},
): Promise<string[]> {
  const changes = await readChanges(client, plan, asked);
  return [...clickhouseStatements(plan, changes), ...(await missingView(client, plan, asked))];
}

/**
 * Makes the table what its plan says, and its view. Throws a TableFault if it cannot. Looks again after it has
 * made something: another worker may have made the table meanwhile, from an older contract.
 */
export async function makeTable(
  client: ClickHouseClient,
  plan: TablePlan,
  options: Asked & { readonly query_id: string },
): Promise<void> {
  for (let round = 0; round < roundsMax; round += 1) {
    const statements = await missingStatements(client, plan, options);
    if (statements.length === 0) return;
    for (const query of statements) await client.command({ query, ...options });
  }
}

/** The table, the columns that another worker's lacks, and nothing more. */
const roundsMax = 3;
