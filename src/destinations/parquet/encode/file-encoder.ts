import { zstdCompressSync } from 'node:zlib';
import type { SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { ColumnValue } from '../../tables/fit-value.ts';
import { ColumnEncoder, type Hold } from './column-encoder.ts';

/**
 * Rows that a reader has to load at once. Fewer than DuckDB's default of 122,880, because our own
 * reader runs on the gate's event loop.
 */
const rowGroupRows = 20_000;

/** A column of a file, and how its values are made. */
export interface FileColumn {
  readonly element: SchemaElement;
  readonly hold: Hold;
  /** Its values are JSON: long, and readers need no smallest and largest of them. False if absent. */
  readonly isJson?: boolean;
}

/**
 * Makes a Parquet file, value by value. The head and the foot of the file are from hyparquet-writer, which wants
 * columns of values that are all in memory (docs/adr/0054-parquet-values-are-encoded-as-they-come.md).
 */
export interface FileEncoder {
  /** The value of a column in the current row. False if the column cannot hold it: the row has null there. */
  add(column: number, value: ColumnValue): boolean;
  /** The columns, for what adds a value in another way. Each gets one for each row. */
  readonly encoders: readonly ColumnEncoder[];
  /** Each column has a value of the row. */
  endRow(): void;
  /** The whole file. */
  end(): Uint8Array;
}

/**
 * @param rowsAll how many rows the file gets at most.
 * @param groupRowsMax for a test.
 */
export function createFileEncoder(
  columns: readonly FileColumn[],
  rowsAll: number,
  groupRowsMax = rowGroupRows,
): FileEncoder {
  const groupRows = Math.min(rowsAll, groupRowsMax);
  const writer = new ByteWriter();
  const elements = columns.map(({ element }) => element);
  const file = new ParquetWriter({
    writer,
    schema: [{ name: 'root', num_children: elements.length }, ...elements],
    codec: 'ZSTD',
    compressors: { ZSTD: (bytes) => zstdCompressSync(bytes) },
    createdBy: 'headgate',
  });
  const encoders = columns.map((column) => new ColumnEncoder(column.element, groupRows, column));
  let rows = 0;
  const endGroup = (): void => {
    if (rows === 0) return;
    const start = writer.offset;
    const chunks = encoders.map((encoder) => encoder.write(writer));
    const sizes = chunks.map(({ meta_data }) => meta_data?.total_uncompressed_size ?? 0n);
    file.num_rows += BigInt(rows);
    file.row_groups.push({
      columns: chunks,
      total_byte_size: sizes.reduce((sum, size) => sum + size, 0n),
      num_rows: BigInt(rows),
      total_compressed_size: BigInt(writer.offset - start),
    });
    rows = 0;
  };
  return {
    add: (column, value) => encoders[column]!.add(value),
    encoders,
    endRow() {
      rows += 1;
      if (rows === groupRows) endGroup();
    },
    end() {
      endGroup();
      void file.finish();
      return writer.getBytes();
    },
  };
}
