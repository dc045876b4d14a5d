import type { DatabaseSync } from 'node:sqlite';
import { changesOf, isNewerView, type TablePlan } from '../tables/plan-table.ts';
import { notOurs, wrongColumns } from '../tables/table-fault.ts';
import {
  createRegister,
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

/** The tables of events that exist, that of events without a contract included. */
export function findEventTables(database: DatabaseSync): string[] {
  if (!hasRegister(database)) return [];
  const tables = `
    SELECT table_name FROM headgate_tables JOIN sqlite_schema ON name = table_name
    WHERE kind = 'table' AND type = 'table'`;
  return database
    .prepare(tables)
    .all()
    .map((row) => String(row['table_name']));
}

function hasRegister(database: DatabaseSync): boolean {
  const exists = "SELECT 1 FROM sqlite_schema WHERE name = 'headgate_tables'";
  return database.prepare(exists).get() !== undefined;
}

function isOurs(database: DatabaseSync, name: string, { event }: TablePlan): boolean {
  const found = findRegistered(database, name);
  return found !== undefined && found.event === event;
}

/**
 * The statements that the file lacks of a plan. Only reads. Throws a TableFault if the table is of another
 * program, or has a column of another type.
 */
export function missingStatements(database: DatabaseSync, plan: TablePlan): string[] {
  const existing = readColumns(database, plan.table);
  const where = `table ${quoted(plan.table)}`;
  if (existing !== undefined && !isOurs(database, plan.table, plan)) throw notOurs(where);
  const changes = changesOf(plan, existing, sqliteDialect);
  if (changes.wrong.length > 0) throw wrongColumns(where, changes.wrong);
  return [...sqliteStatements(plan, changes), ...viewStatements(database, plan)];
}

function viewStatements(database: DatabaseSync, plan: TablePlan): string[] {
  const wanted = sqliteView(plan);
  if (wanted === undefined || plan.view === undefined) return [];
  const { name } = plan.view;
  const found = database.prepare('SELECT type, sql FROM sqlite_schema WHERE name = ?').get(name);
  if (found === undefined) return [wanted];
  // Somebody may have put a table in the place of the view.
  if (found['type'] !== 'view') throw notOurs(`${String(found['type'])} ${quoted(name)}`);
  if (found['sql'] === wanted) return [];
  if (!isOurs(database, name, plan)) throw notOurs(`view ${quoted(name)}`);
  if (isNewerView(String(found['sql']), plan.view)) return [];
  return [`DROP VIEW ${quoted(name)}`, wanted];
}

/** Makes the table what its plan says, and its view, in the transaction of the caller. */
export function makeTable(database: DatabaseSync, plan: TablePlan): void {
  const statements = missingStatements(database, plan);
  if (statements.length === 0) return;
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
