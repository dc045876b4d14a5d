import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { EventContract } from '../../event/contracts/event-contract.ts';
import { createContractTables } from '../tables/contract-tables.ts';
import { eventColumns } from '../tables/event-columns.ts';
import { readPayloadHead } from '../payload-bytes/payload-head.ts';
import { createPayloadPlaces } from '../payload-bytes/payload-places.ts';
import {
  createRowMaker,
  readTypedPayload,
  type NamedEvent,
  type RowDelivery,
  type RowMaker,
} from '../tables/event-row.ts';
import type { TablePlan } from '../tables/plan-table.ts';
import { createIdIndex, restoreIdTables, typedIdTables, type IdIndexLimits } from './id-index.ts';
import { asBound, createFillRow, type FillRow } from './payload-values.ts';
import { createTypedRows, rowsOfTables, type TypedRows } from './typed-rows.ts';
import { TableFault } from '../tables/table-fault.ts';
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
  /** The row of a payload, or the reason why it can never be one. Throws a TableFault if its table cannot take it. */
  read(payload: Buffer, delivery: RowDelivery): TypedRow | string;
  /** Writes the row that was read last. Does nothing if the event has one. */
  insert(row: TypedRow): void;
  /** Right before COMMIT. */
  end(): void;
  /** After ROLLBACK: tables that were made are gone again. */
  forget(): void;
}

/** A row that can be written. Its values are those of the row that was read last. */
export interface TypedRow {
  readonly table: OpenTable;
  readonly id: string;
}

interface OpenTable {
  readonly fill: FillRow;
  readonly rows: RowMaker;
  /**
   * In the order of `eventColumns` and of the columns of its plan. Used again for each row, and emptied after it: its texts
   * are parts of that of the payload, which thousands of tables would keep.
   */
  readonly values: SQLInputValue[];
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
      fill: createFillRow(plan),
      rows: createRowMaker(plan),
      values: [...eventColumns, ...plan.columns].map(() => null),
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

  const tableOf = (event: NamedEvent): OpenTable => {
    contracts.expectVersion(event);
    const known = open.get(event.eventName);
    if (known !== undefined) return known;
    const table = openTable(event.eventName);
    // Names of events without a contract have no limit.
    if (open.size >= tablesOpenMax) open = new Map();
    open.set(event.eventName, table);
    return table;
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
    read: createRowReader(tableOf),
    insert({ table, id }) {
      table.unplanned?.remove(id);
      table.writer.insert(id, table.values);
      table.values.fill(null);
    },
    end: index.end,
    forget() {
      open = new Map();
      schemaVersion = undefined;
      index.forget();
    },
  };
}

/** Reads rows, from the bytes of a payload where that gives the same as from its event. */
function createRowReader(tableOf: (event: NamedEvent) => OpenTable): TypedTables['read'] {
  const places = createPayloadPlaces(1);
  const readBytes = (payload: Buffer, delivery: RowDelivery): TypedRow | undefined => {
    const { sequence, deliveredAt } = delivery;
    const head = readPayloadHead(places, { payload, sequence }, 0);
    if (head === undefined) return undefined;
    let table: OpenTable;
    try {
      table = tableOf(head);
    } catch (error) {
      // What can never be a row waits for no table: the fault counts if the event turns out to be one.
      if (error instanceof TableFault) return undefined;
      throw error;
    }
    if (!table.fill(table.values, head, deliveredAt)) return undefined;
    return { table, id: table.values[idAt] as string };
  };
  return (payload, delivery) => {
    const row = readBytes(payload, delivery);
    if (row !== undefined) return row;
    const event = readTypedPayload(decoder.decode(payload));
    if (typeof event === 'string') return event;
    const table = tableOf(event);
    const made = table.rows.rowOf(event, delivery);
    // Common columns are texts and integers, which make what they need of a number themselves.
    made.event.forEach((value, at) => void (table.values[at] = value as SQLInputValue));
    made.properties.forEach((value, at) => {
      table.values[eventColumns.length + at] = asBound(value);
    });
    return { table, id: event.eventId };
  };
}

/** Statements that are kept. */
const tablesOpenMax = 2000;

const decoder = new TextDecoder();
const idAt = eventColumns.findIndex(({ name }) => name === 'event_id');
