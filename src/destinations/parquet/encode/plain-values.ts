import type { SchemaElement } from 'hyparquet';
import type { ParquetValue } from '../typed-columns.ts';
import type { Bound, ColumnBounds } from './chunk-writer.ts';
import { createGrowingBytes, type GrowingBytes } from './growing-bytes.ts';

/** A value that a column can hold. */
type HeldValue = Exclude<ParquetValue, null>;

/** Values one after the other, each in the encoding PLAIN. */
export interface PlainValues {
  /** Returns which one it is, from 0. */
  add(value: HeldValue): number;
  readonly count: () => number;
  /** Of all, in bytes. */
  readonly length: () => number;
  readonly sizeOf: (entry: number) => number;
  /** The bytes of the values from one up to but not including another. Valid until the next is added. */
  written(from: number, to: number): Uint8Array;
  bounds(): Omit<ColumnBounds, 'nulls'>;
  clear(): void;
}

/**
 * @param valuesMax how many can be added.
 * @param hasBounds whether readers may look for a value.
 */
export function createPlainValues(
  element: SchemaElement,
  valuesMax: number,
  hasBounds = true,
): PlainValues {
  const bytes = createGrowingBytes();
  const write = writeOf(element);
  /** Where each value begins, and the last one ends. */
  const starts = new Uint32Array(valuesMax + 1);
  const ofBytes = (): SeenBounds =>
    createByteBounds(bytes, starts, element.type === 'BYTE_ARRAY' ? lengthBytes : 0);
  const ofValues = isOfBytes(element) ? ofBytes : createNumberBounds;
  const bounds = hasBounds ? ofValues() : noBounds;
  let count = 0;
  return {
    add(value) {
      write(bytes, value);
      starts[count + 1] = bytes.length();
      bounds.see(value, count);
      count += 1;
      return count - 1;
    },
    count: () => count,
    length: bytes.length,
    sizeOf: (entry) => starts[entry + 1]! - starts[entry]!,
    written(from, to) {
      if (element.type === 'BOOLEAN') return asBits(bytes.written(from, to));
      return bytes.written(starts[from], starts[to]);
    },
    bounds: bounds.found,
    clear() {
      bytes.clear();
      bounds.clear();
      count = 0;
    },
  };
}

/** Bytes of the length before a text. */
const lengthBytes = 4;

/** Texts and UUIDs; the others are numbers. */
function isOfBytes({ type, converted_type }: SchemaElement): boolean {
  return type === 'BYTE_ARRAY' || (type === 'FIXED_LEN_BYTE_ARRAY' && converted_type !== 'DECIMAL');
}

function writeOf(element: SchemaElement): (bytes: GrowingBytes, value: HeldValue) => void {
  switch (element.type) {
    case 'BYTE_ARRAY':
      return (bytes, value) => bytes.lengthAndText(String(value));
    case 'INT64':
      return (bytes, value) => bytes.int64(value as bigint);
    case 'INT32':
      return (bytes, value) => bytes.int32(value as number);
    case 'DOUBLE':
      return (bytes, value) => bytes.double(value as number);
    case 'BOOLEAN':
      return (bytes, value) => bytes.int8(Number(value));
    default:
      if (isOfBytes(element)) return (bytes, value) => bytes.hex(String(value));
      return (bytes, value) => bytes.int128(value as bigint);
  }
}

/** The smallest and the largest of all values that it has seen. */
interface SeenBounds {
  see(value: HeldValue, entry: number): void;
  found(): Omit<ColumnBounds, 'nulls'>;
  clear(): void;
}

/** JSON is long, and alike at its beginning: to compare it takes time, and no reader looks for all of it. */
const noBounds: SeenBounds = {
  see: () => undefined,
  found: () => ({ low: undefined, high: undefined }),
  clear: () => undefined,
};

function createNumberBounds(): SeenBounds {
  let low: Bound | undefined;
  let high: Bound | undefined;
  return {
    see(value) {
      const number = value as Bound;
      if (low === undefined || number < low) low = number;
      if (high === undefined || number > high) high = number;
    },
    found: () => ({ low, high }),
    clear: () => void ([low, high] = [undefined, undefined]),
  };
}

/** Compares what is written, without a copy. @param skipped bytes at the start of each value. */
function createByteBounds(bytes: GrowingBytes, starts: Uint32Array, skipped: number): SeenBounds {
  let low = -1;
  let high = -1;
  const isBelow = (one: number, other: number): boolean =>
    bytes.isBelow(
      starts[one]! + skipped,
      starts[one + 1]!,
      starts[other]! + skipped,
      starts[other + 1]!,
    );
  const bytesOf = (entry: number): Uint8Array | undefined =>
    entry === -1
      ? undefined
      : Uint8Array.from(bytes.written(starts[entry]! + skipped, starts[entry + 1]!));
  return {
    see(_value, entry) {
      if (low === -1 || isBelow(entry, low)) low = entry;
      if (high === -1 || isBelow(high, entry)) high = entry;
    },
    found: () => ({ low: bytesOf(low), high: bytesOf(high) }),
    clear: () => void ([low, high] = [-1, -1]),
  };
}

/** Booleans are bits, the lowest first. */
function asBits(values: Uint8Array): Uint8Array {
  const bits = new Uint8Array(Math.ceil(values.length / 8));
  for (const [at, value] of values.entries()) bits[at >> 3]! |= value << (at & 7);
  return bits;
}
