import type { SchemaElement } from 'hyparquet';
import type { ParquetValue } from '../typed-columns.ts';
import type { Bound, ColumnBounds } from './chunk-writer.ts';
import { GrowingBytes, type ByteSource } from './growing-bytes.ts';

/** A value that a column can hold. */
type HeldValue = Exclude<ParquetValue, null>;

/** Bytes of the length before a text. */
const lengthBytes = 4;

const slotsAtFirst = 4096;
/** Values that were made to have one hash would otherwise be compared with each other. */
const probesMax = 64;

/**
 * Values one after the other, each in the encoding PLAIN. A value is written at the end of `bytes`, and then
 * ended by `endValue`.
 */
export class PlainValues {
  readonly bytes = new GrowingBytes();
  /** How many there are. */
  count = 0;
  /** Equal values are not found any more: too many have one hash. */
  isCrowded = false;

  private element: SchemaElement;
  private write: (bytes: GrowingBytes, value: HeldValue) => void;
  /** Where each value begins, and the last one ends. */
  private starts = new Uint32Array();
  private hashes = new Int32Array();
  /** A hash table with open addressing: the entry of each value, plus 1. */
  private slots = new Int32Array(slotsAtFirst);
  private used = 0;
  private isBelow: IsBelow | undefined;
  private low = -1;
  private high = -1;

  constructor(element: SchemaElement) {
    this.element = element;
    this.write = writeOf(element);
  }

  /**
   * Forgets everything, and takes the values of a column.
   *
   * @param valuesMax how many can be added.
   * @param hasBounds whether readers may look for a value. JSON is long, and alike at its beginning: to compare it takes
   *   time, and no reader looks for all of it.
   */
  begin(element: SchemaElement, valuesMax: number, hasBounds: boolean): void {
    this.element = element;
    this.write = writeOf(element);
    this.isBelow = hasBounds ? isBelowOf(element) : undefined;
    if (this.hashes.length < valuesMax) {
      this.starts = new Uint32Array(valuesMax + 1);
      this.hashes = new Int32Array(valuesMax);
    }
    this.clear();
  }

  memoryBytes(): number {
    const { bytes, starts, hashes, slots } = this;
    return bytes.bytes.length + starts.byteLength + hashes.byteLength + slots.byteLength;
  }

  /** Writes a value, which is still to be ended. */
  put(value: HeldValue): void {
    this.write(this.bytes, value);
  }

  /**
   * Ends the value that was written last, and returns which one it is, from 0.
   *
   * @param isLookedUp an equal value that was ended before takes its place.
   */
  endValue(isLookedUp: boolean): number {
    const entry = this.count;
    if (isLookedUp) {
      const found = this.find();
      if (found !== entry) {
        this.bytes.end = this.starts[entry]!;
        return found;
      }
    }
    this.count = entry + 1;
    this.starts[this.count] = this.bytes.end;
    const { isBelow, bytes, starts } = this;
    if (isBelow !== undefined) {
      if (this.low === -1 || isBelow(bytes, starts, entry, this.low)) this.low = entry;
      if (this.high === -1 || isBelow(bytes, starts, this.high, entry)) this.high = entry;
    }
    return entry;
  }

  /** The value that is equal to the one written last, or that one itself, which is found from now on. */
  private find(): number {
    const { bytes, starts, hashes, slots } = this;
    const start = starts[this.count]!;
    const hash = bytes.hashOf(start, bytes.end);
    const mask = slots.length - 1;
    for (let probe = 0; probe < probesMax; probe += 1) {
      const slot = (hash + probe) & mask;
      const entry = slots[slot]! - 1;
      if (entry === -1) {
        slots[slot] = this.count + 1;
        hashes[this.count] = hash;
        this.used += 1;
        if (this.used * 2 > slots.length) this.enlarge();
        return this.count;
      }
      if (hashes[entry] === hash && this.sizeOf(entry) === bytes.end - start) {
        if (bytes.isAt(starts[entry]!, bytes, start, bytes.end)) return entry;
      }
    }
    this.isCrowded = true;
    return this.count;
  }

  private enlarge(): void {
    const slots = new Int32Array(this.slots.length * 4);
    const mask = slots.length - 1;
    for (const value of this.slots) {
      if (value === 0) continue;
      let slot = this.hashes[value - 1]! & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = value;
    }
    this.slots = slots;
  }

  /** Of a value, in bytes. */
  sizeOf(entry: number): number {
    return this.starts[entry + 1]! - this.starts[entry]!;
  }

  /** Whether a value is a text of these bytes. */
  isText(entry: number, source: ByteSource, start: number, stop: number): boolean {
    if (this.sizeOf(entry) !== stop - start + lengthBytes) return false;
    return this.bytes.isAt(this.starts[entry]! + lengthBytes, source, start, stop);
  }

  /** The bytes of the values from one up to but not including another. Valid until the next is added. */
  written(from: number, to: number): Uint8Array {
    if (this.element.type === 'BOOLEAN') return asBits(this.bytes.written(from, to));
    return this.bytes.written(this.starts[from], this.starts[to]);
  }

  bounds(): Omit<ColumnBounds, 'nulls'> {
    return { low: this.boundOf(this.low), high: this.boundOf(this.high) };
  }

  private boundOf(entry: number): Bound | undefined {
    if (entry === -1) return undefined;
    const { bytes, starts, element } = this;
    const { view } = bytes;
    const start = starts[entry]!;
    if (element.type === 'INT64') return view.getBigInt64(start, true);
    if (element.type === 'INT32') return view.getInt32(start, true);
    if (element.type === 'DOUBLE') return view.getFloat64(start, true);
    if (element.type === 'BOOLEAN') return bytes.bytes[start] === 1;
    if (!isOfBytes(element)) {
      return (view.getBigInt64(start) << 64n) | view.getBigUint64(start + 8);
    }
    return Uint8Array.from(bytes.written(start + skippedOf(element), starts[entry + 1]));
  }

  clear(): void {
    this.bytes.clear();
    // How many slots there are decides when values no longer repeat enough: it must not depend on earlier files.
    if (this.slots.length > slotsAtFirst) this.slots = new Int32Array(slotsAtFirst);
    else if (this.used > 0) this.slots.fill(0);
    this.used = 0;
    this.count = 0;
    this.isCrowded = false;
    [this.low, this.high] = [-1, -1];
  }
}

/** Texts and UUIDs; the others are numbers. */
function isOfBytes({ type, converted_type }: SchemaElement): boolean {
  return type === 'BYTE_ARRAY' || (type === 'FIXED_LEN_BYTE_ARRAY' && converted_type !== 'DECIMAL');
}

function skippedOf({ type }: SchemaElement): number {
  return type === 'BYTE_ARRAY' ? lengthBytes : 0;
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

/** Whether one value is below another. Compares what is written, without a copy. */
type IsBelow = (bytes: GrowingBytes, starts: Uint32Array, one: number, other: number) => boolean;

function isBelowOf(element: SchemaElement): IsBelow {
  switch (element.type) {
    case 'INT64':
      return ({ view }, starts, one, other) => {
        const oneHigh = view.getInt32(starts[one]! + 4, true);
        const otherHigh = view.getInt32(starts[other]! + 4, true);
        if (oneHigh !== otherHigh) return oneHigh < otherHigh;
        return view.getUint32(starts[one]!, true) < view.getUint32(starts[other]!, true);
      };
    case 'INT32':
      return ({ view }, starts, one, other) =>
        view.getInt32(starts[one]!, true) < view.getInt32(starts[other]!, true);
    case 'DOUBLE':
      return ({ view }, starts, one, other) =>
        view.getFloat64(starts[one]!, true) < view.getFloat64(starts[other]!, true);
    case 'BOOLEAN':
      return ({ bytes }, starts, one, other) => bytes[starts[one]!]! < bytes[starts[other]!]!;
    default:
      return isOfBytes(element) ? isBelowOfBytes(skippedOf(element)) : isBelowOfDecimals;
  }
}

function isBelowOfBytes(skipped: number): IsBelow {
  return (bytes, starts, one, other) =>
    bytes.isBelow(
      starts[one]! + skipped,
      starts[one + 1]!,
      starts[other]! + skipped,
      starts[other + 1]!,
    );
}

/** Only the highest byte has a sign. */
const isBelowOfDecimals: IsBelow = (bytes, starts, one, other) => {
  const oneHigh = bytes.view.getInt32(starts[one]!);
  const otherHigh = bytes.view.getInt32(starts[other]!);
  if (oneHigh !== otherHigh) return oneHigh < otherHigh;
  return bytes.isBelow(starts[one]! + 4, starts[one + 1]!, starts[other]! + 4, starts[other + 1]!);
};

/** Booleans are bits, the lowest first. */
function asBits(values: Uint8Array): Uint8Array {
  const bits = new Uint8Array(Math.ceil(values.length / 8));
  for (const [at, value] of values.entries()) bits[at >> 3]! |= value << (at & 7);
  return bits;
}
