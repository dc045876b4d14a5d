import type { ColumnChunk, SchemaElement } from 'hyparquet';
import type { ByteWriter } from 'hyparquet-writer';
import type { ColumnValue } from '../../tables/fit-value.ts';
import type { ParquetValue } from '../typed-columns.ts';
import { beginChunk } from './chunk-writer.ts';
import { GrowingBytes, type ByteSource } from './growing-bytes.ts';
import { bitsOf, packBits } from './levels.ts';
import { PlainValues } from './plain-values.ts';

/** The value of a column. Undefined if it cannot hold it. */
export type Hold = (value: Exclude<ColumnValue, null>) => ParquetValue | undefined;

/** A page of values that are not in a dictionary ends after so many bytes. */
const pageBytes = 1024 * 1024;

/** After so many values, of which so many are distinct, no more are looked up. */
const sampleValues = 1000;
const sampleDistinctMax = 900;

const packed = new GrowingBytes();
const inOrder = new GrowingBytes();

/** A column, and how its values are made. */
export interface EncodedColumn {
  readonly element: SchemaElement;
  readonly hold: Hold;
  /** Its values are JSON: long, and readers need no smallest and largest of them. False if absent. */
  readonly isJson?: boolean;
}

/**
 * Takes the values of a column, one for each row, and writes those of each group of rows. Each distinct value is
 * written once, while many values are the same. An encoder is used for one column after another.
 */
export class ColumnEncoder {
  private column: EncodedColumn;
  private isRequired = false;
  private isPresent = new Uint8Array();
  /** Which entry of `values` each value is. */
  private entries = new Uint32Array();
  private readonly values: PlainValues;
  /** A value may be written at their end, and is then added by `addWritten`. */
  readonly bytes: GrowingBytes;
  private isLookedUp = false;
  private rows = 0;
  private count = 0;

  constructor(column: EncodedColumn, rowsMax: number) {
    this.column = column;
    this.values = new PlainValues(column.element);
    this.bytes = this.values.bytes;
    this.begin(column, rowsMax);
  }

  /**
   * Forgets everything, and takes the values of a column.
   *
   * @param rowsMax of a group.
   */
  begin(column: EncodedColumn, rowsMax: number): void {
    const { element, isJson = false } = column;
    this.column = column;
    this.isRequired = element.repetition_type === 'REQUIRED';
    if (this.entries.length < rowsMax) {
      this.isPresent = new Uint8Array(rowsMax);
      this.entries = new Uint32Array(rowsMax);
    }
    this.values.begin(element, rowsMax, !isJson);
    this.isLookedUp = element.type !== 'BOOLEAN';
    [this.rows, this.count] = [0, 0];
  }

  /** What it holds, used or not. */
  memoryBytes(): number {
    return this.isPresent.byteLength + this.entries.byteLength + this.values.memoryBytes();
  }

  /** False if the column cannot hold the value. The row has null then. */
  add(value: ColumnValue): boolean {
    const held = value === null ? null : this.column.hold(value);
    if (held === undefined || held === null) {
      this.addNull();
      return value === null;
    }
    this.values.put(held);
    this.addWritten();
    return true;
  }

  addNull(): void {
    if (this.isRequired) throw new Error(`a row has no ${this.column.element.name}`);
    this.isPresent[this.rows] = 0;
    this.rows += 1;
  }

  /** The value that was written at the end of `bytes`. */
  addWritten(): void {
    this.addEntry(this.values.endValue(this.isLookedUp));
  }

  /** A text, from its bytes. */
  addText(source: ByteSource, start: number, stop: number): void {
    if (this.isLookedUp && this.count > 0) {
      // Many columns have the same text row after row.
      const last = this.entries[this.count - 1]!;
      if (this.values.isText(last, source, start, stop)) {
        this.addEntry(last);
        return;
      }
    }
    this.bytes.lengthAndPart(source, start, stop);
    this.addWritten();
  }

  private addEntry(entry: number): void {
    this.isPresent[this.rows] = 1;
    this.rows += 1;
    this.entries[this.count] = entry;
    this.count += 1;
    if (this.count === sampleValues && this.values.count > sampleDistinctMax)
      this.isLookedUp = false;
    if (this.values.isCrowded) this.isLookedUp = false;
  }

  /** Writes what was added, and begins anew. */
  write(writer: ByteWriter): ColumnChunk {
    const { values, rows, count } = this;
    const { element, isJson = false } = this.column;
    const isPresent = this.isPresent.subarray(0, rows);
    const entries = this.entries.subarray(0, count);
    const isDictionary = this.isLookedUp && savesHalf(values, entries);
    const encoding = isDictionary ? 'RLE_DICTIONARY' : 'PLAIN';
    const chunk = beginChunk(writer, element, { encoding, isJson });
    if (isDictionary) {
      chunk.dictionary(values.written(0, values.count), values.count);
      const bits = bitsOf(values.count - 1);
      packed.clear();
      packed.int8(bits);
      packBits(packed, entries, bits);
      chunk.page(isPresent, count, packed.written());
    } else {
      for (const page of pagesOf(values, isPresent, entries)) chunk.page(...page);
    }
    const written = chunk.end({ ...values.bounds(), nulls: rows - count });
    values.clear();
    this.isLookedUp = element.type !== 'BOOLEAN';
    [this.rows, this.count] = [0, 0];
    return written;
  }
}

/** Whether the distinct values and where they stand take at most half of the values. */
function savesHalf(values: PlainValues, entries: Uint32Array): boolean {
  if (entries.length === 0) return false;
  let plainBytes = 0;
  for (let at = 0; at < entries.length; at += 1) plainBytes += values.sizeOf(entries[at]!);
  const indexBytes = (entries.length * bitsOf(values.count - 1)) / 8;
  return 2 * (values.bytes.end + indexBytes) <= plainBytes;
}

/** The rows of each page, how many have a value, and the values in their order. */
function* pagesOf(
  values: PlainValues,
  isPresent: Uint8Array,
  entries: Uint32Array,
): Generator<[isPresent: Uint8Array, count: number, values: Uint8Array]> {
  let [rowFrom, entryFrom, count, bytes] = [0, 0, 0, 0];
  for (let row = 0; row < isPresent.length; row += 1) {
    if (isPresent[row] === 1) {
      bytes += values.sizeOf(entries[count]!);
      count += 1;
    }
    if (bytes < pageBytes && row + 1 < isPresent.length) continue;
    const of = entries.subarray(entryFrom, count);
    yield [isPresent.subarray(rowFrom, row + 1), of.length, valuesInOrder(values, of)];
    [rowFrom, entryFrom, bytes] = [row + 1, count, 0];
  }
}

function valuesInOrder(values: PlainValues, entries: Uint32Array): Uint8Array {
  const first = entries[0] ?? 0;
  // Most columns of many distinct values have no value twice.
  if (isRun(entries, first)) return values.written(first, first + entries.length);
  inOrder.clear();
  for (const entry of entries) inOrder.copy(values.written(entry, entry + 1));
  return inOrder.written();
}

function isRun(entries: Uint32Array, first: number): boolean {
  for (let at = 0; at < entries.length; at += 1) if (entries[at] !== first + at) return false;
  return true;
}
