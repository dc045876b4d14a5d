import { BinaryRows, binaryHead } from './row-binary.ts';
import type { RowWriter } from './row-writer.ts';
import { TextRows } from './tab-separated.ts';

/** A column of an insert: its name, quoted if it has to be, and its type as ClickHouse reports it. */
export type InsertedColumn = readonly [name: string, type: string];

/** How the rows of an insert are written. The same layout is the same object. */
export interface RowLayout {
  readonly format: 'RowBinaryWithNamesAndTypes' | 'TabSeparated';
  readonly columns: readonly InsertedColumn[];
  /** What comes before the first row. */
  readonly head: Buffer;
  /** The id of an event is the first column, with so many bytes. */
  readonly idBytes: number;
  rows(): RowWriter;
}

/** For a table whose columns have exactly these types. */
export function binaryLayout(columns: readonly InsertedColumn[]): RowLayout {
  return {
    format: 'RowBinaryWithNamesAndTypes',
    columns,
    head: binaryHead(columns),
    idBytes: 16,
    rows: () => new BinaryRows(),
  };
}

/** For a table with these columns, of whatever types. */
export function textLayout(columns: readonly InsertedColumn[]): RowLayout {
  return {
    format: 'TabSeparated',
    columns,
    head: Buffer.alloc(0),
    idBytes: 36,
    rows: () => new TextRows(),
  };
}

/** Whether a table has these columns with these types. @param types by the names of its columns. */
export function hasColumns(
  types: ReadonlyMap<string, string>,
  columns: readonly InsertedColumn[],
): boolean {
  return columns.every(([name, type]) => types.get(name) === type);
}
