import { BinaryRows, binaryHead, writeUuid } from './row-binary.ts';
import type { RowBytes, RowWriter } from './row-writer.ts';
import { TextRows } from './tab-separated.ts';

/** A column of an insert: its name, quoted if it has to be, and its type as ClickHouse reports it. */
export type InsertedColumn = readonly [name: string, type: string];

/** What `copyId` writes. */
export const idBytes = 16;

const idCharacters = 36;

/** How the rows of an insert are written. The same layout is the same object. */
export interface RowLayout {
  readonly format: 'RowBinaryWithNamesAndTypes' | 'TabSeparated';
  readonly columns: readonly InsertedColumn[];
  /** What comes before the first row. */
  readonly head: Buffer;
  /** Copies the id of an event, which is the first column: in every layout it gives the same bytes. */
  copyId(row: RowBytes, to: Buffer, at: number): void;
  rows(): RowWriter;
}

/** For a table whose columns have exactly these types. */
export function binaryLayout(columns: readonly InsertedColumn[]): RowLayout {
  return {
    format: 'RowBinaryWithNamesAndTypes',
    columns,
    head: binaryHead(columns),
    copyId: ({ bytes, start }, to, at) => void bytes.copy(to, at, start, start + idBytes),
    rows: () => new BinaryRows(),
  };
}

/** For a table with these columns, of whatever types. */
export function textLayout(columns: readonly InsertedColumn[]): RowLayout {
  return {
    format: 'TabSeparated',
    columns,
    head: Buffer.alloc(0),
    copyId: ({ bytes, start }, to, at) =>
      void writeUuid(to, at, bytes.toString('latin1', start, start + idCharacters)),
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
