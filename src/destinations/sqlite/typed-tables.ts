import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import type { EventContract } from '../../event/contracts/event-contract.ts';
import type { StoredEvent } from '../../event/stored-event.ts';
import { createContractTables } from '../tables/contract-tables.ts';
import { createRowMaker, type RowDelivery, type RowMaker } from '../tables/event-row.ts';
import type { ColumnValue } from '../tables/fit-value.ts';
import type { TablePlan } from '../tables/plan-table.ts';
import { isTableOf, makeTable } from './table-register.ts';
import { insertRow, quoted, sqliteDialect } from './typed-statements.ts';

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
  let open = new Map<string, OpenTable>();
  let schemaVersion: unknown;

  const planOf = (event: string): TablePlan => {
    const plan = contracts.planOf(event);
    if (plan !== undefined) return plan;
    // An event whose contract is gone keeps its table, so that a second copy of it finds the first.
    const without = contracts.planWithout(event);
    return isTableOf(database, without.table, event) ? without : contracts.unplanned;
  };

  const openTable = (event: string): OpenTable => {
    const plan = planOf(event);
    makeTable(database, plan);
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
    if (!isTableOf(database, table, undefined)) return undefined;
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

function asBound(value: ColumnValue): SQLInputValue {
  if (typeof value === 'boolean') return value ? 1 : 0;
  // A double would be shown as 100.0 in a column of numbers.
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value === 'bigint' && BigInt.asIntN(64, value) !== value) return String(value);
  return value;
}
