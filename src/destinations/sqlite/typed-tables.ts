import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { EventContract } from '../../event/contracts/event-contract.ts';
import { createContractTables } from '../tables/contract-tables.ts';
import { eventColumns } from '../tables/event-columns.ts';
import {
  createRowMaker,
  type RowDelivery,
  type RowMaker,
  type PayloadEvent,
} from '../tables/event-row.ts';
import type { ColumnValue } from '../tables/fit-value.ts';
import type { TablePlan } from '../tables/plan-table.ts';
import { createIdIndex, restoreIdTables, typedIdTables, type IdIndexLimits } from './id-index.ts';
import { createTypedRows, rowsOfTables, type TypedRows } from './typed-rows.ts';
import { isTableOf, makeTable } from './table-register.ts';
import { quoted, sqliteDialect } from './typed-statements.ts';

/** The tables of events. Everything is called within the transaction of a batch. */
export interface TypedTables {
  use(contracts: readonly EventContract[]): void;
  /**
   * Right after BEGIN IMMEDIATE.
   *
   * @param expected the keys of ids that are likely to come: `IdIndex.begin`.
   */
  begin(expected?: Float64Array): void;
  /** Does nothing if the event has a row. Throws a TableFault if its table cannot take it. */
  insert(event: PayloadEvent, delivery: RowDelivery): void;
  /** Right before COMMIT. */
  end(): void;
  /** After ROLLBACK: tables that were made are gone again. */
  forget(): void;
}

interface OpenTable {
  readonly rows: RowMaker;
  readonly writer: TypedRows;
  /** Has the row that the event had before it had a contract; undefined if no event had one. */
  readonly unplanned: TypedRows | undefined;
}

/** @param prefix of the names of tables. */
export function createTypedTables(
  database: DatabaseSync,
  prefix: string,
  limits?: IdIndexLimits,
): TypedTables {
  const contracts = createContractTables({ dialect: sqliteDialect, prefix });
  restoreIdTables(database, typedIdTables);
  const indexed = rowsOfTables(database);
  const index = createIdIndex(database, typedIdTables, indexed, limits);
  let open = new Map<string, OpenTable>();
  let schemaVersion: unknown;

  const planOf = (event: string): TablePlan => {
    const plan = contracts.planOf(event);
    if (plan !== undefined) return plan;
    // An event whose contract is gone keeps its table, so that a second copy of it finds the first.
    const without = contracts.planWithout(event);
    return isTableOf(database, without.table, event) ? without : contracts.unplanned;
  };

  const rowsOf = (plan: TablePlan): TypedRows => createTypedRows(database, plan, index, indexed);

  const openTable = (event: string): OpenTable => {
    const plan = planOf(event);
    makeTable(database, plan);
    const isUnplanned = plan === contracts.unplanned;
    return {
      rows: createRowMaker(plan),
      writer: rowsOf(plan),
      unplanned: isUnplanned ? undefined : unplannedRows(event),
    };
  };

  const unplannedRows = (event: string): TypedRows | undefined => {
    const { table } = contracts.unplanned;
    if (!isTableOf(database, table, undefined)) return undefined;
    const any = database.prepare(`SELECT 1 FROM ${quoted(table)} WHERE event_name = ? LIMIT 1`);
    return any.get(event) === undefined ? undefined : rowsOf(contracts.unplanned);
  };

  return {
    use(next) {
      contracts.use(next);
      open = new Map();
    },
    begin(expected) {
      // Somebody may have altered a table, and another process may have made one.
      const found = database.prepare('PRAGMA schema_version').get()?.['schema_version'];
      if (found !== schemaVersion) open = new Map();
      schemaVersion = found;
      index.begin(expected);
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
      const row = table.rows.rowOf(event, delivery);
      table.unplanned?.remove(event.eventId);
      const values = row.event.concat(row.properties) as SQLInputValue[];
      for (let at = eventColumns.length; at < values.length; at += 1) {
        values[at] = asBound(values[at] as ColumnValue);
      }
      table.writer.insert(event.eventId, values);
    },
    end: index.end,
    forget() {
      open = new Map();
      schemaVersion = undefined;
      index.forget();
    },
  };
}

/** Statements that are kept. */
const tablesOpenMax = 2000;

/** Common columns are STRICT texts and integers, which make what they need of a number themselves. */
function asBound(value: ColumnValue): SQLInputValue {
  if (typeof value === 'string' || value === null) return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  // A double would be shown as 100.0 in a column of numbers.
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value === 'bigint' && BigInt.asIntN(64, value) !== value) return String(value);
  return value;
}
