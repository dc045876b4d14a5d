import type { DatabaseSync } from 'node:sqlite';
import {
  eventTablesAmong,
  hasEventColumns,
  telltaleColumns,
} from '../tables/found/found-tables.ts';
import {
  changesOf,
  columnBeside,
  isMarked,
  isNewerView,
  type TablePlan,
} from '../tables/plan-table.ts';
import { needsValue, noKey, notOurs, otherKind, wrongColumns } from '../tables/table-fault.ts';
import {
  createRegister,
  numberColumn,
  quoted,
  sqliteDialect,
  sqliteStatements,
  sqliteView,
} from './typed-statements.ts';

/** What `headgate_tables` says about a table or a view. Undefined if Headgate has not made it. */
export function findRegistered(
  database: DatabaseSync,
  name: string,
): { readonly event: string | undefined } | undefined {
  if (!hasRegister(database)) return undefined;
  const row = database
    .prepare('SELECT event_name FROM headgate_tables WHERE table_name = ?')
    .get(name);
  if (row === undefined) return undefined;
  const event = row['event_name'];
  return { event: typeof event === 'string' ? event : undefined };
}

/** The tables of events that have rows, that of events without a contract included. */
export function findEventTables(database: DatabaseSync, prefix: string): Promise<string[]> {
  const marks = telltaleColumns.map(() => '?').join(', ');
  const tables = database.prepare(`
    SELECT tables.name FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
    WHERE tables.type = 'table' AND columns.name IN (${marks})
    GROUP BY tables.name HAVING count(*) = ${telltaleColumns.length} ORDER BY tables.name`);
  const names = tables.all(...telltaleColumns).map((row) => String(row['name']));
  const naming = { prefix, nameBytesMax: sqliteDialect.nameBytesMax };
  return eventTablesAmong(names, naming, (table) => firstEvent(database, table));
}

function firstEvent(database: DatabaseSync, table: string): string | undefined {
  const row = database.prepare(`SELECT event_name FROM ${quoted(table)} LIMIT 1`).get();
  return row === undefined ? undefined : String(row['event_name']);
}

/** Throws a TableFault if something else has its name. */
function hasRegister(database: DatabaseSync): boolean {
  const columns = readColumns(database, 'headgate_tables');
  if (columns === undefined) return false;
  const isRegister = ['table_name', 'event_name', 'kind'].every((name) => columns.has(name));
  if (!isRegister) throw notOurs('table headgate_tables');
  return true;
}

/**
 * Whether a table is the one of an event. If `headgate_tables` does not have it, because somebody dropped
 * that, its columns and its first row say so.
 */
export function isTableOf(
  database: DatabaseSync,
  table: string,
  event: string | undefined,
): boolean {
  const columns = readColumns(database, table);
  // Somebody may have dropped Headgate's table, and made one of his own.
  if (columns?.has('event_id') !== true) return false;
  const found = findRegistered(database, table);
  if (found !== undefined) return found.event === event;
  if (!hasEventColumns(columns.keys())) return false;
  const first = event === undefined ? undefined : firstEvent(database, table);
  return first === undefined || first === event;
}

/**
 * The statements that the file lacks of a plan. Only reads. Throws a TableFault if the table is of another
 * program, or has a column of another type.
 */
export function missingStatements(database: DatabaseSync, plan: TablePlan): string[] {
  const existing = readColumns(database, plan.table);
  const where = `table ${quoted(plan.table)}`;
  if (existing !== undefined) {
    const kind = findNamed(database, plan.table)?.kind ?? 'table';
    if (kind !== 'table') throw otherKind(quoted(plan.table), kind, 'table');
    if (!isTableOf(database, plan.table, plan.event)) throw notOurs(where);
  }
  const changes = changesOf(plan, existing, sqliteDialect);
  if (changes.wrong.length > 0) throw wrongColumns(where, changes.wrong);
  if (existing !== undefined && !hasKey(database, plan.table)) {
    throw noKey(where, `CREATE UNIQUE INDEX ${plan.table}_key ON ${quoted(plan.table)} (event_id)`);
  }
  const column = columnBeside(plan, neededColumns(database, plan.table));
  if (column !== undefined) throw needsValue(where, column);
  const isTaken = (name: string): boolean => findNamed(database, name) !== undefined;
  return [...sqliteStatements(plan, changes, isTaken), ...viewStatements(database, plan)];
}

function viewStatements(database: DatabaseSync, plan: TablePlan): string[] {
  const wanted = sqliteView(plan);
  if (wanted === undefined || plan.view === undefined) return [];
  const { name } = plan.view;
  const found = findNamed(database, name);
  if (found === undefined) return [wanted];
  // Somebody may have put a table in the place of the view.
  if (found.kind !== 'view') throw otherKind(quoted(name), found.kind, 'view');
  if (found.sql === wanted) return [];
  const registered = findRegistered(database, name);
  const isOurs = registered === undefined ? isMarked(found.sql) : registered.event === plan.event;
  if (!isOurs) throw notOurs(`view ${quoted(name)}`);
  if (isNewerView(found.sql, plan.view)) return [];
  return [`DROP VIEW ${quoted(name)}`, wanted];
}

/** All tables of events whose key is their number, whatever their prefix: they share an index of ids. */
export function numberedTables(database: DatabaseSync): string[] {
  const tables = database.prepare(`
    SELECT tables.name FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
    WHERE tables.type = 'table' AND columns.name = ? AND columns.pk = 1 ORDER BY tables.name`);
  return tables.all(numberColumn).map((row) => String(row['name']));
}

/** False for a table whose key is `event_id`. */
export function isNumbered(database: DatabaseSync, table: string): boolean {
  const column = database.prepare('SELECT 1 FROM pragma_table_info(?) WHERE name = ? AND pk = 1');
  return column.get(table, numberColumn) !== undefined;
}

/** Whether it has a number as its key, or ON CONFLICT (event_id) finds its index. */
function hasKey(database: DatabaseSync, table: string): boolean {
  if (isNumbered(database, table)) return true;
  const found = database.prepare(`
    SELECT 1 FROM pragma_index_list(?) AS indexes
    WHERE "unique" = 1 AND partial = 0
      AND (SELECT group_concat(name) FROM pragma_index_info(indexes.name)) = 'event_id'`);
  return found.get(table) !== undefined;
}

/** Columns that an insert must name. */
function neededColumns(database: DatabaseSync, table: string): string[] {
  const found = database.prepare(`
    SELECT lower(name) AS name FROM pragma_table_info(?)
    WHERE "notnull" = 1 AND dflt_value IS NULL AND pk = 0`);
  return found.all(table).map((row) => String(row['name']));
}

/** SQLite compares names without regard to their case. */
function findNamed(
  database: DatabaseSync,
  name: string,
): { readonly kind: string; readonly sql: string } | undefined {
  const row = database
    .prepare('SELECT type, sql FROM sqlite_schema WHERE name = ? COLLATE NOCASE')
    .get(name);
  return row && { kind: String(row['type']), sql: String(row['sql']) };
}

/** Makes the table what its plan says, and its view, in the transaction of the caller. */
export function makeTable(database: DatabaseSync, plan: TablePlan): void {
  const statements = missingStatements(database, plan);
  if (statements.length === 0 && findRegistered(database, plan.table) !== undefined) return;
  for (const statement of statements) database.exec(statement);
  database.exec(createRegister);
  const enter = database.prepare('INSERT OR REPLACE INTO headgate_tables VALUES (?, ?, ?)');
  enter.run(plan.table, plan.event ?? null, 'table');
  if (plan.view !== undefined) enter.run(plan.view.name, plan.event ?? null, 'view');
}

/** The declared type of each column; undefined if there is no such table. `A` and `a` are one name here. */
function readColumns(
  database: DatabaseSync,
  table: string,
): ReadonlyMap<string, string> | undefined {
  const rows = database.prepare('SELECT name, type FROM pragma_table_info(?)').all(table);
  if (rows.length === 0) return undefined;
  return new Map(rows.map((row) => [String(row['name']).toLowerCase(), String(row['type'])]));
}
