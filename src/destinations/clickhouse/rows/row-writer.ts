/** The bytes of a row: a part of a buffer that holds other rows, too. */
export interface RowBytes {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** Large enough that few writes to a connection are needed, small enough that a batch of a few rows wastes little. */
const chunkBytes = 512 * 1024;
const firstChunkBytes = 16 * 1024;

/**
 * Writes rows into buffers, cell by cell, in the form of an insert. Call `finish` after the last cell of a row, or
 * `drop` if the row is not wanted.
 *
 * Rows are bytes as soon as they are read: thousands of them wait for their insert, and as strings they would keep
 * their payloads and themselves in the memory that the garbage collector copies.
 */
export abstract class RowWriter {
  protected bytes: Buffer = Buffer.allocUnsafeSlow(firstChunkBytes);
  protected at = 0;
  #start = 0;

  /** The value of a column that has none. */
  abstract none(): void;
  /** What a column that may have no value says before its value. */
  abstract some(): void;
  /** @param isAscii whether the caller knows that no character is above 0x7f. */
  abstract text(value: string, isAscii: boolean): void;
  /** Returns false, and writes nothing, if the text is not a UUID. */
  abstract uuid(value: string): boolean;
  /** A time from `readTime`. @param digits of a second in the column. */
  abstract time(value: string, digits: 3 | 9): void;
  /** A day: `2026-03-01`. */
  abstract date(value: string): void;
  abstract uint32(value: number): void;
  abstract integer64(value: number | bigint): void;
  abstract integer256(value: bigint): void;
  abstract double(value: number): void;
  abstract boolean(value: boolean): void;
  /** A number that the column holds: without an exponent, and with at most `scale` digits after the point. */
  abstract decimal(value: string, bytes: 16 | 32, scale: number): void;
  /** The same without its text, which takes longer. Returns false, and writes nothing, if it needs the text. */
  abstract shortDecimal(value: number, bytes: 16 | 32, scale: number): boolean;

  finish(): RowBytes {
    this.end();
    const row = { bytes: this.bytes, start: this.#start, end: this.at };
    this.#start = this.at;
    return row;
  }

  drop(): void {
    this.at = this.#start;
  }

  /** The bytes of the row that has begun. */
  length(): number {
    return this.at - this.#start;
  }

  /** Takes back what came after so many bytes of the row. */
  cut(length: number): void {
    this.at = this.#start + length;
  }

  /** Called after the last cell of a row. */
  protected end(): void {}

  /** Makes room. A row that has begun moves to the next buffer, so that each row is in one piece. */
  protected reserve(size: number): void {
    if (this.at + size > this.bytes.length) this.#grow(size);
  }

  #grow(size: number): void {
    const begun = this.bytes.subarray(this.#start, this.at);
    const needed = 2 * (begun.length + size);
    const next = Buffer.allocUnsafeSlow(Math.max(chunkBytes, needed));
    this.at = begun.copy(next);
    this.#start = 0;
    this.bytes = next;
  }
}

/** Smaller pieces are copied together: a write to a connection costs more than the copy. */
const pieceBytesMin = 64 * 1024;

/** The bytes of rows, in few pieces. */
export function* piecesOf(rows: readonly RowBytes[]): Generator<Buffer> {
  let small: Buffer[] = [];
  let smallBytes = 0;
  for (const run of runsOf(rows)) {
    if (run.length < pieceBytesMin) {
      small.push(run);
      smallBytes += run.length;
      if (smallBytes < pieceBytesMin) continue;
    }
    if (small.length > 0) yield Buffer.concat(small);
    small = [];
    smallBytes = 0;
    if (run.length >= pieceBytesMin) yield run;
  }
  if (small.length > 0) yield Buffer.concat(small);
}

/** Rows that follow one another in a buffer, as one. */
function* runsOf(rows: readonly RowBytes[]): Generator<Buffer> {
  const [first] = rows;
  if (first === undefined) return;
  let { bytes, start, end } = first;
  for (let at = 1; at < rows.length; at += 1) {
    const row = rows[at]!;
    if (row.bytes === bytes && row.start === end) {
      end = row.end;
      continue;
    }
    yield bytes.subarray(start, end);
    ({ bytes, start, end } = row);
  }
  yield bytes.subarray(start, end);
}
