import type { ColumnChunk, SchemaElement } from 'hyparquet';
import type { ByteWriter } from 'hyparquet-writer';
import type { ColumnValue } from '../../tables/fit-value.ts';
import type { ParquetValue } from '../typed-columns.ts';
import { beginChunk } from './chunk-writer.ts';
import { createGrowingBytes } from './growing-bytes.ts';
import { bitsOf, packBits } from './levels.ts';
import { createPlainValues, type PlainValues } from './plain-values.ts';

/** The value of a column. Undefined if it cannot hold it. */
export type Hold = (value: Exclude<ColumnValue, null>) => ParquetValue | undefined;

/** Takes the values of a column, and writes those of each group of rows. */
export interface ColumnEncoder {
  /** False if the column cannot hold the value. The row has null then. */
  add(value: ColumnValue): boolean;
  /** Writes what was added, and begins anew. */
  write(writer: ByteWriter): ColumnChunk;
}

/** A page of values that are not in a dictionary ends after so many bytes. */
const pageBytes = 1024 * 1024;

/** After so many values, of which so many are distinct, no more are looked up. */
const sampleValues = 1000;
const sampleDistinctMax = 900;

const packed = createGrowingBytes();
const inOrder = createGrowingBytes();

/**
 * Each distinct value is made and written once, while many values are the same.
 *
 * @param rowsMax of a group.
 */
export function createColumnEncoder(
  element: SchemaElement,
  rowsMax: number,
  { hold, hasBounds }: { readonly hold: Hold; readonly hasBounds?: boolean },
): ColumnEncoder {
  const isPresent = new Uint8Array(rowsMax);
  /** Which entry of `values` each value is. */
  const entries = new Uint32Array(rowsMax);
  const values = createPlainValues(element, rowsMax, hasBounds);
  const known = new Map<ColumnValue, number>();
  let isLookedUp = element.type !== 'BOOLEAN';
  let [rows, count] = [0, 0];

  const entryOf = (value: Exclude<ColumnValue, null>): number | undefined => {
    const found = isLookedUp ? known.get(value) : undefined;
    if (found !== undefined) return found;
    const held = hold(value);
    if (held === undefined || held === null) return undefined;
    const entry = values.add(held);
    if (isLookedUp) known.set(value, entry);
    return entry;
  };
  const addRow = (entry: number | undefined): void => {
    if (entry === undefined && element.repetition_type === 'REQUIRED') {
      throw new Error(`a row has no ${element.name}`);
    }
    isPresent[rows] = entry === undefined ? 0 : 1;
    rows += 1;
    if (entry === undefined) return;
    entries[count] = entry;
    count += 1;
    if (count === sampleValues && known.size > sampleDistinctMax) isLookedUp = false;
  };

  return {
    add(value) {
      const entry = value === null ? undefined : entryOf(value);
      addRow(entry);
      return entry !== undefined || value === null;
    },
    write(writer) {
      const group = { isPresent: isPresent.subarray(0, rows), entries: entries.subarray(0, count) };
      const isDictionary = isLookedUp && savesHalf(values, group.entries);
      const chunk = beginChunk(writer, element, isDictionary ? 'RLE_DICTIONARY' : 'PLAIN');
      if (isDictionary) {
        chunk.dictionary(values.written(0, values.count()), values.count());
        packed.clear();
        packed.int8(bitsOf(values.count() - 1));
        packBits(packed, group.entries, bitsOf(values.count() - 1));
        chunk.page(group.isPresent, count, packed.written());
      } else {
        for (const page of pagesOf(values, group)) chunk.page(...page);
      }
      const written = chunk.end({ ...values.bounds(), nulls: rows - count });
      values.clear();
      known.clear();
      isLookedUp = element.type !== 'BOOLEAN';
      [rows, count] = [0, 0];
      return written;
    },
  };
}

/** Whether the distinct values and where they stand take at most half of the values. */
function savesHalf(values: PlainValues, entries: Uint32Array): boolean {
  if (entries.length === 0) return false;
  let plainBytes = 0;
  for (const entry of entries) plainBytes += values.sizeOf(entry);
  const indexBytes = (entries.length * bitsOf(values.count() - 1)) / 8;
  return 2 * (values.length() + indexBytes) <= plainBytes;
}

interface RowsOfGroup {
  readonly isPresent: Uint8Array;
  readonly entries: Uint32Array;
}

/** The rows of each page, how many have a value, and the values in their order. */
function* pagesOf(
  values: PlainValues,
  { isPresent, entries }: RowsOfGroup,
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
  if (entries.every((entry, at) => entry === first + at)) {
    return values.written(first, first + entries.length);
  }
  inOrder.clear();
  for (const entry of entries) inOrder.copy(values.written(entry, entry + 1));
  return inOrder.written();
}
