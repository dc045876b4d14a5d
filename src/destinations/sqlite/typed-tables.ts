import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import type { EventContract } from '../../event/contracts/event-contract.ts';
import type { StoredEvent } from '../../event/stored-event.ts';
import { createContractTables } from '../tables/contract-tables.ts';
import {
  createRowMaker,
  readPayload,
  type RowDelivery,
  type RowMaker,
} from '../tables/event-row.ts';
import type { ColumnValue } from '../tables/fit-value.ts';
import { changesOf, type TablePlan } from '../tables/plan-table.ts';
import { notOurs, wrongColumns } from '../tables/table-fault.ts';
import {
  createRegister,
  insertRow,
  quoted,
  sqliteDialect,
  sqliteStatements,
  sqliteView,
} from './typed-statements.ts';

/** The tables of events. Everything is called within the transaction of a batch. */
export interface TypedTables {
  use(contracts: readonly EventContract[]): void;
  /** Right after BEGIN IMMEDIATE. */
  begin(): void;
  /** Does nothing if the event has a row. Throws a TableFault if its table cannot take it. */
  insert(event: StoredEvent, delivery: RowDelivery): void;
  /** After ROLLBACK: tables that were made are gone again. */
  forget(): void;
}

interface OpenTable {
  readonly plan: TablePlan;
  readonly rows: RowMaker;
  readonly insert: StatementSync;
  /** Deletes the row that the event had before it had a contract; undefined if no event had one. */
  readonly deleteUnplanned: StatementSync | undefined;
}

/** @param prefix of the names of tables. */
export function createTypedTables(database: DatabaseSync, prefix: string): TypedTables {
  const contracts = createContractTables({ dialect: sqliteDialect, prefix });
  const register = createTableRegister(database);
  let open = new Map<string, OpenTable>();
  let schemaVersion: unknown;

  const planOf = (event: string): TablePlan => {
    const plan = contracts.planOf(event);
    if (plan !== undefined) return plan;
    // An event whose contract is gone keeps its table, so that a second copy of it finds the first.
    const without = contracts.planWithout(event);
    return register.eventOf(without.table) === event ? without : contracts.unplanned;
  };

  const openTable = (event: string): OpenTable => {
    const plan = planOf(event);
    register.make(plan);
    const isUnplanned = plan === contracts.unplanned;
    return {
      plan,
      rows: createRowMaker(plan),
      insert: database.prepare(insertRow(plan)),
      deleteUnplanned: isUnplanned ? undefined : unplannedRows(event),
    };
  };

  const unplannedRows = (event: string): StatementSync | undefined => {
    const { table } = contracts.unplanned;
    if (!register.has(table)) return undefined;
    const any = database.prepare(`SELECT 1 FROM ${quoted(table)} WHERE event_name = ? LIMIT 1`);
    if (any.get(event) === undefined) return undefined;
    return database.prepare(`DELETE FROM ${quoted(table)} WHERE event_id = ?`);
  };

  return {
    use(next) {
      contracts.use(next);
      open = new Map();
    },
    begin() {
      // Somebody may have altered a table, and another process may have made one.
      const found = database.prepare('PRAGMA schema_version').get()?.['schema_version'];
      if (found !== schemaVersion) open = new Map();
      schemaVersion = found;
    },
    insert(event, delivery) {
      contracts.expectVersion(event);
      let table = open.get(event.eventName);
      if (table === undefined) {
        table = openTable(event.eventName);
        // Names of events without a contract have no limit.
        if (open.size >= tablesOpenMax) open = new Map();
        open.set(event.eventName, table);
      }
      const { rows, insert, deleteUnplanned } = table;
      const row = rows.rowOf(event, delivery);
      deleteUnplanned?.run(event.eventId);
      insert.run(...[...row.event, ...row.properties].map(asBound));
    },
    forget() {
      open = new Map();
      schemaVersion = undefined;
    },
  };
}

/** Statements that are kept. */
const tablesOpenMax = 2000;

/** An event of a payload, or the reason why it is none: such a payload never becomes a row. */
export function readTypedEvent(payload: string): StoredEvent | { readonly refused: string } {
  try {
    return readPayload(payload);
  } catch (error) {
    // V8 quotes the text around the error, which may be personal data.
    const isSyntax = error instanceof SyntaxError;
    return { refused: isSyntax ? 'the payload is not JSON' : (error as Error).message };
  }
}

function asBound(value: ColumnValue): SQLInputValue {
  if (typeof value === 'boolean') return value ? 1 : 0;
  // A double would be shown as 100.0 in a column of numbers.
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value === 'bigint' && BigInt.asIntN(64, value) !== value) return String(value);
  return value;
}

interface TableRegister {
  eventOf(table: string): string | undefined;
  has(table: string): boolean;
  /** Makes the table what its plan says, and its view. Throws a TableFault if it cannot. */
  make(plan: TablePlan): void;
}

function createTableRegister(database: DatabaseSync): TableRegister {
  const find = (name: string): { event: string | undefined } | undefined => {
    const exists = "SELECT 1 FROM sqlite_schema WHERE name = 'headgate_tables'";
    if (database.prepare(exists).get() === undefined) return undefined;
    const row = database
      .prepare('SELECT event_name FROM headgate_tables WHERE table_name = ?')
      .get(name);
    if (row === undefined) return undefined;
    const event = row['event_name'];
    return { event: typeof event === 'string' ? event : undefined };
  };
  const enter = (name: string, { event }: TablePlan, kind: string): void => {
    database.exec(createRegister);
    database
      .prepare('INSERT OR REPLACE INTO headgate_tables VALUES (?, ?, ?)')
      .run(name, event ?? null, kind);
  };
  /** Whether this name is free for the plan. */
  const isOurs = (name: string, plan: TablePlan): boolean => {
    const found = find(name);
    return found !== undefined && found.event === plan.event;
  };
  return {
    eventOf: (table) => find(table)?.event,
    has: (table) => find(table) !== undefined,
    make(plan) {
      const existing = readColumns(database, plan.table);
      if (existing !== undefined && !isOurs(plan.table, plan)) throw notOurs(named(plan.table));
      const changes = changesOf(plan, existing, sqliteDialect);
      if (changes.wrong.length > 0) throw wrongColumns(named(plan.table), changes.wrong);
      for (const statement of sqliteStatements(plan, changes)) database.exec(statement);
      if (existing === undefined) enter(plan.table, plan, 'table');
      makeView(plan);
    },
  };

  function makeView(plan: TablePlan): void {
    const wanted = sqliteView(plan);
    if (wanted === undefined || plan.view === undefined) return;
    const { name } = plan.view;
    const found = database.prepare('SELECT sql FROM sqlite_schema WHERE name = ?').get(name);
    if (found?.['sql'] === wanted) return;
    if (found !== undefined && !isOurs(name, plan)) throw notOurs(named(name));
    database.exec(`DROP VIEW IF EXISTS ${quoted(name)}`);
    database.exec(wanted);
    enter(name, plan, 'view');
  }
}

function named(table: string): string {
  return `table ${quoted(table)}`;
}

/** The declared type of each column; undefined if there is no such table. */
export function readColumns(
  database: DatabaseSync,
  table: string,
): ReadonlyMap<string, string> | undefined {
  const rows = database.prepare('SELECT name, type FROM pragma_table_info(?)').all(table);
  if (rows.length === 0) return undefined;
  return new Map(rows.map((row) => [String(row['name']), String(row['type'])]));
}
