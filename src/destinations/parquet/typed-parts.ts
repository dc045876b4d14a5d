import type { LogicalType } from '../tables/logical-type.ts';
import { brace, bracket, powersOfTen, quote } from '../../event/json/json-codes.ts';
import { decimal, readDecimal } from './bytes/read-decimal.ts';
import { readDay, readUtc, utc } from '../payload-bytes/read-time.ts';
import { isAsWritten } from './bytes/written-json.ts';
import type { ColumnEncoder } from './encode/column-encoder.ts';
import { powerMax, type ByteSource } from './encode/growing-bytes.ts';
import type { LotEvents } from './spool/lot-events.ts';
import { scaleOf } from './typed-columns.ts';

/**
 * Adds a value to a column from its bytes, without a JavaScript value of it. False, and nothing is added, where it has
 * to be read in another way: what it adds is what `fitValue` and `parquetValue` make of the value.
 */
export type AddPart = (
  column: ColumnEncoder,
  source: ByteSource,
  start: number,
  end: number,
) => boolean;

const letterT = 0x74;
const letterF = 0x66;

export const addText: AddPart = (column, source, start, end) => {
  column.addText(source, start, end);
  return true;
};

export const addUuid: AddPart = (column, source, start, end) => {
  if (!column.bytes.uuid(source, start, end)) return false;
  column.addWritten();
  return true;
};

export const addNanoseconds: AddPart = (column, { bytes }, start, end) => {
  if (!readUtc(bytes, start, end)) return false;
  writeNanoseconds(column, utc);
  column.addWritten();
  return true;
};

export const addMilliseconds: AddPart = (column, { bytes }, start, end) => {
  if (!readUtc(bytes, start, end)) return false;
  writeMilliseconds(column, utc);
  column.addWritten();
  return true;
};

export const addInt32: AddPart = (column, { bytes }, start, end) => {
  if (end - start > int32Digits || !readDecimal(bytes, start, end)) return false;
  column.bytes.int32(decimal.size);
  column.addWritten();
  return true;
};

/** Every number of so many digits is one of 32 bits. */
const int32Digits = 9;

export const addInteger: AddPart = (column, { bytes }, start, end) => {
  if (!readDecimal(bytes, start, end) || decimal.places !== 0) return false;
  column.bytes.wholeNumber(decimal.isNegative ? -decimal.size : decimal.size);
  column.addWritten();
  return true;
};

const dateLength = '2026-03-01'.length;

const addDate: AddPart = (column, { bytes }, start, end) => {
  const day = end - start === dateLength ? readDay(bytes, start) : -1;
  if (day === -1) return false;
  column.bytes.int32(day);
  column.addWritten();
  return true;
};

const addBoolean: AddPart = (column, { bytes }, start) => {
  const first = bytes[start];
  if (first !== letterT && first !== letterF) return false;
  column.bytes.int8(first === letterT ? 1 : 0);
  column.addWritten();
  return true;
};

const addDouble: AddPart = (column, { bytes }, start, end) => {
  if (!readDecimal(bytes, start, end)) return false;
  const { size, isNegative, places } = decimal;
  if (size === 0 && isNegative) return false;
  // Both are exact, so that the quotient is the double next to the number.
  const value = size / powersOfTen[places]!;
  column.bytes.double(isNegative ? -value : value);
  column.addWritten();
  return true;
};

function addDecimal(scale: number): AddPart {
  return (column, { bytes }, start, end) => {
    if (!readDecimal(bytes, start, end)) return false;
    const power = scale - decimal.places;
    if (power < 0 || power > powerMax) return false;
    column.bytes.scaled(decimal.size, decimal.isNegative, power);
    column.addWritten();
    return true;
  };
}

/** Adds what is known of an event beside its payload. */
export type AddAbout = (column: ColumnEncoder, events: LotEvents) => boolean;

export const addSequence: AddAbout = (column, events) => {
  const sequence = events.sequence();
  if (!Number.isSafeInteger(sequence)) return false;
  column.bytes.wholeNumber(sequence);
  column.addWritten();
  return true;
};

/**
 * Adds when the batch of an event came: one time for many rows, which is read once.
 *
 * @param write the time that was read.
 */
export function addDeliveredAt(write: WriteTime): AddAbout {
  let last = '';
  let isRead = false;
  const time = { ms: 0, nanosBelowMs: 0 };
  return (column, events) => {
    const deliveredAt = events.deliveredAt();
    if (deliveredAt !== last) {
      last = deliveredAt;
      const bytes = Buffer.from(deliveredAt);
      isRead = readUtc(bytes, 0, bytes.length);
      Object.assign(time, utc);
    }
    if (!isRead) return false;
    write(column, time);
    column.addWritten();
    return true;
  };
}

/** Writes a time from `readUtc`. */
type WriteTime = (column: ColumnEncoder, time: Readonly<typeof utc>) => void;

export const writeNanoseconds: WriteTime = ({ bytes }, { ms, nanosBelowMs }) =>
  bytes.nanoseconds(ms, nanosBelowMs);

export const writeMilliseconds: WriteTime = ({ bytes }, { ms }) => bytes.wholeNumber(ms);

/** A string of JSON, by what is between its quotes. */
function ofString(add: AddPart): AddPart {
  return (column, source, start, end) =>
    source.bytes[start] === quote && add(column, source, start + 1, end - 1);
}

/** JSON that begins with a character. */
function ofJson(first?: number): AddPart {
  return (column, source, start, end) => {
    if (first !== undefined && source.bytes[start] !== first) return false;
    if (!isAsWritten(source.bytes, start, end)) return false;
    column.addText(source, start, end);
    return true;
  };
}

/** For the values of properties, which are JSON without escapes and not null. Undefined if the bytes are of no help. */
export function addPartOf(type: LogicalType): AddPart | undefined {
  const scale = scaleOf(type);
  if (scale !== undefined) return addDecimal(scale);
  switch (type.kind) {
    case 'text':
    case 'enum':
      return ofString(addText);
    case 'uuid':
      return ofString(addUuid);
    case 'timestamp':
      return ofString(addNanoseconds);
    case 'date':
      return ofString(addDate);
    case 'boolean':
      return addBoolean;
    case 'integer':
      return addInteger;
    case 'double':
      return addDouble;
    case 'array':
      return ofJson(bracket);
    case 'map':
      return ofJson(brace);
    case 'json':
      return ofJson();
    default:
      return undefined;
  }
}
