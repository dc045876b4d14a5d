import { zstdCompressSync } from 'node:zlib';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { ColumnValue } from '../../tables/fit-value.ts';
import { ColumnEncoder, type EncodedColumn } from './column-encoder.ts';

/**
 * Rows that a reader has to load at once. Fewer than DuckDB's default of 122,880, because our own
 * reader runs on the gate's event loop.
 */
const rowGroupRows = 20_000;

/**
 * Encoders of finished files, for the next one: their memory is there already. And V8 discards the compiled code of a
 * class when its last instance is gone, so that it would compile the encoders again after each file.
 */
let idle: ColumnEncoder[] = [];

/** What idle encoders hold of values, in bytes: as much as most files need, and a large file leaves less. */
const idleBytesMax = 64 * 1024 * 1024;

function takeEncoder(column: EncodedColumn, rowsMax: number): ColumnEncoder {
  const encoder = idle.pop();
  if (encoder === undefined) return new ColumnEncoder(column, rowsMax);
  encoder.begin(column, rowsMax);
  return encoder;
}

/** In the order in which the next file takes them, so that most columns find room for values of their size. */
function giveBack(encoders: readonly ColumnEncoder[]): void {
  let bytes = 0;
  idle = [...idle, ...encoders.toReversed()].filter((encoder) => {
    bytes += encoder.memoryBytes();
    return bytes <= idleBytesMax;
  });
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
  columns: readonly EncodedColumn[],
  rowsAll: number,
  groupRowsMax = rowGroupRows,
): FileEncoder {
  return new GroupsEncoder(columns, Math.min(rowsAll, groupRowsMax));
}

/** A class, so that what adds rows is not compiled again for each file. */
class GroupsEncoder implements FileEncoder {
  readonly encoders: readonly ColumnEncoder[];

  private readonly groupRows: number;
  private readonly writer = new ByteWriter();
  private readonly file: ParquetWriter;
  /** Of the current group. */
  private rows = 0;

  constructor(columns: readonly EncodedColumn[], groupRows: number) {
    const elements = columns.map(({ element }) => element);
    this.groupRows = groupRows;
    this.file = new ParquetWriter({
      writer: this.writer,
      schema: [{ name: 'root', num_children: elements.length }, ...elements],
      codec: 'ZSTD',
      compressors: { ZSTD: (bytes) => zstdCompressSync(bytes) },
      createdBy: 'headgate',
    });
    this.encoders = columns.map((column) => takeEncoder(column, groupRows));
  }

  add(column: number, value: ColumnValue): boolean {
    return this.encoders[column]!.add(value);
  }

  endRow(): void {
    this.rows += 1;
    if (this.rows === this.groupRows) this.endGroup();
  }

  end(): Uint8Array {
    this.endGroup();
    giveBack(this.encoders);
    void this.file.finish();
    return this.writer.getBytes();
  }

  private endGroup(): void {
    const { rows, writer, file } = this;
    if (rows === 0) return;
    const start = writer.offset;
    const chunks = this.encoders.map((encoder) => encoder.write(writer));
    const sizes = chunks.map(({ meta_data }) => meta_data?.total_uncompressed_size ?? 0n);
    file.num_rows += BigInt(rows);
    file.row_groups.push({
      columns: chunks,
      total_byte_size: sizes.reduce((sum, size) => sum + size, 0n),
      num_rows: BigInt(rows),
      total_compressed_size: BigInt(writer.offset - start),
    });
    this.rows = 0;
  }
}
