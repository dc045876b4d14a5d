import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import type { TablePlan } from '../tables/plan-table.ts';
import { keyOf, type IdIndex, type IndexedRows, type NumberedRow } from './id-index.ts';
import { isNumbered, numberedTables } from './table-register.ts';
import { insertRow, numberColumn, quoted } from './typed-statements.ts';

/** Writes rows of one table of events, each event once. The caller has the transaction. */
export interface TypedRows {
  /** Does nothing if the event has a row in this table. */
  insert(id: string, values: readonly SQLInputValue[]): void;
  /** Deletes the row of an event, if it has one. */
  remove(id: string): void;
}

/** The rows of all tables of events whose key is their number. */
export interface RowsOfTables extends IndexedRows {
  /** In which table `has` looks: it selects a row by its number and its id. */
  lookIn(row: StatementSync): void;
}

/** @param indexed of the index. */
export function createTypedRows(
  database: DatabaseSync,
  plan: TablePlan,
  index: IdIndex,
  indexed: RowsOfTables,
): TypedRows {
  const table = quoted(plan.table);
  if (!isNumbered(database, plan.table)) {
    const insert = database.prepare(insertRow(plan, 'keyed'));
    const remove = database.prepare(`DELETE FROM ${table} WHERE event_id = ?`);
    return {
      insert: (_id, values) => void insert.run(...values),
      remove: (id) => void remove.run(id),
    };
  }
  const insert = database.prepare(insertRow(plan, 'numbered'));
  const where = `FROM ${table} WHERE ${numberColumn} = ? AND event_id = ?`;
  const row = database.prepare(`SELECT 1 ${where}`);
  const remove = database.prepare(`DELETE ${where}`);
  return {
    insert(id, values) {
      const key = keyOf(id);
      indexed.lookIn(row);
      if (index.has(key, id)) return;
      insert.run(...values, index.next());
      index.add(key);
    },
    remove(id) {
      for (const number of index.numbersOf(keyOf(id))) remove.run(number, id);
    },
  };
}

export function rowsOfTables(database: DatabaseSync): RowsOfTables {
  let row: StatementSync | undefined;
  return {
    lookIn: (next) => void (row = next),
    has: (number, id) => row?.get(number, id) !== undefined,
    after(number, limit) {
      const pages = numberedTables(database).map((table) =>
        rowsAfter(database, table, number, limit),
      );
      // Of a table with a full page, what follows is not known.
      const ends = pages.map((page) => (page.length < limit ? Infinity : page.at(-1)!.number));
      const last = Math.min(...ends);
      const byNumber = new Map(pages.flat().map((found) => [found.number, found]));
      return [...byNumber.values()]
        .filter((found) => found.number <= last)
        .toSorted((one, other) => one.number - other.number);
    },
  };
}

function rowsAfter(
  database: DatabaseSync,
  table: string,
  number: number,
  limit: number,
): NumberedRow[] {
  const rows = database.prepare(
    `SELECT ${numberColumn} AS number, event_id AS id FROM ${quoted(table)}
     WHERE ${numberColumn} > ? ORDER BY 1 LIMIT ?`,
  );
  return rows.all(number, limit) as unknown as NumberedRow[];
}
