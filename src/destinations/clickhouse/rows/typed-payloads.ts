import { readTime } from '../../../event/time/time-text.ts';
import type { PayloadMembers } from '../../payload-members.ts';
import { fitValue } from '../../tables/fit-value.ts';
import type { LogicalType } from '../../tables/logical-type.ts';
import type { TablePlan } from '../../tables/plan-table.ts';
import { decimalOf, writtenColumns } from '../typed-statements.ts';
import { brace, bracket, quote } from '../../../event/json/json-codes.ts';
import { plainEnd } from '../../../event/json/find-json.ts';
import type { PayloadHead } from '../../payload-bytes/payload-head.ts';
import { placeOf } from '../../payload-bytes/payload-places.ts';
import {
  createFindProperties,
  isNullAt,
  valueBetween,
} from '../../payload-bytes/planned-properties.ts';
import type { PropertyPlace } from '../../payload-bytes/property-places.ts';
import type { BinaryRows } from './row-binary.ts';
import { readTicks, ticks, type Ticks } from './ticks.ts';
import { cellOf, isColumnTime, type WriteCell } from './typed-rows.ts';

/** A payload whose head was read. */
export type ReadHead = Pick<
  PayloadHead,
  'bytes' | 'places' | 'base' | 'schemaVersion' | 'sequence'
>;

/**
 * Writes the row of a payload from its bytes, the same one as from its values (typed-rows.ts). That takes a third of
 * the time, and makes no objects, for the payloads that `cutPayload` can cut. Returns false, and writes nothing, for
 * any other: its row has to be made of its values.
 */
export type WritePayload = (rows: BinaryRows, head: ReadHead) => boolean;

export function createPayloadWriting(plan: TablePlan): WritePayload {
  const { columns } = plan;
  const cells = columns.map(({ type }) => propertyCell(type));
  const findProperties = createFindProperties(plan);

  return (rows, head) => {
    const { bytes } = head;
    const properties = findProperties(head);
    if (properties === undefined || !writeEvent(rows, head)) {
      rows.drop();
      return false;
    }
    const turn = properties.turn();
    let misfits: string[] | undefined;
    for (let at = 0; at < cells.length; at += 1) {
      const place = properties.columns[at];
      if (place === undefined || place.turn !== turn) rows.none();
      else if (!cells[at]!(rows, bytes, place)) {
        rows.none();
        (misfits ??= []).push(columns[at]!.name);
      }
    }
    if (misfits === undefined) rows.none();
    else {
      rows.some();
      rows.text(JSON.stringify(misfits), false);
    }
    return true;
  };
}

/** Writes the columns that every event has. False if the event cannot be in a table. */
function writeEvent(rows: BinaryRows, head: ReadHead): boolean {
  const { bytes, base } = head;
  const { places } = head.places;
  for (let at = 0; at < writtenColumns.length; at += 1) {
    const { field, type, isRequired } = writtenColumns[at]!;
    if (field === '') {
      rows.integer64(head.sequence);
      continue;
    }
    const place = base + memberPlaces[at]!;
    const start = places[place]!;
    const end = places[place + 1]!;
    if (start === 0 || (type.kind === 'json' && isNullAt(bytes, start))) {
      rows.none();
      continue;
    }
    switch (type.kind) {
      case 'uuid':
        if (!rows.copiedUuid(bytes, start, end)) return false;
        break;
      case 'timestamp':
        if (readTimeAt(bytes, start, end)) {
          if (!isRequired) rows.some();
          rows.ticks(lastTicks);
        } else if (isRequired) return false;
        else rows.none();
        break;
      case 'integer':
        rows.some();
        rows.integer64(head.schemaVersion);
        break;
      default:
        if (!isRequired) rows.some();
        rows.copied(bytes, start, end);
    }
  }
  return true;
}

/** Of each of `writtenColumns` that is a member of the event. */
const memberPlaces = writtenColumns.map(({ field }) => placeOf(field as keyof PayloadMembers));

/** The time that was read last: an event has the same one twice, and others of its batch have it too. */
const lastTime = Buffer.alloc(64);
let lastLength = 0;
let isLastTime = false;
const lastTicks: Ticks = { low: 0, high: 0 };

/** Reads a time, into `lastTicks`. False if it is not a time, or none that a column can hold. */
function readTimeAt(bytes: Buffer, start: number, end: number): boolean {
  const length = end - start;
  if (length === lastLength && isSame(bytes, start, length)) return isLastTime;
  const time = readTime(bytes.toString('latin1', start, end));
  isLastTime = time !== undefined && isColumnTime(time);
  lastLength = length <= lastTime.length ? length : 0;
  if (lastLength > 0) bytes.copy(lastTime, 0, start, end);
  if (time === undefined || !isLastTime) return false;
  readTicks(time, 9);
  lastTicks.low = ticks.low;
  lastTicks.high = ticks.high;
  return true;
}

function isSame(bytes: Uint8Array, start: number, length: number): boolean {
  // Times differ at their ends.
  for (let at = length - 1; at >= 0; at -= 1) {
    if (bytes[start + at] !== lastTime[at]) return false;
  }
  return true;
}

/** Writes a property. Returns false, and writes nothing, if its column cannot hold it. */
type WriteProperty = (rows: BinaryRows, bytes: Buffer, place: PropertyPlace) => boolean;

/** From the bytes where that gives the same, else from the value. */
function propertyCell(type: LogicalType): WriteProperty {
  const write = fromBytes(type);
  const ofValue = fromValue(type);
  return (rows, bytes, place) => {
    if (isNullAt(bytes, place.start)) {
      rows.none();
      return true;
    }
    return write(rows, bytes, place) || ofValue(rows, bytes, place);
  };
}

/** False also where the column can hold the value. */
function fromBytes(type: LogicalType): WriteProperty {
  const decimal = decimalOf(type);
  if (decimal !== undefined) {
    const { scale, precision } = decimal;
    const size = precision > 38 ? 32 : 16;
    return (rows, _bytes, { isShort, mantissa, fraction }) => {
      if (!isShort || fraction > scale) return false;
      rows.some();
      rows.digits(mantissa, fraction, size, scale);
      return true;
    };
  }
  switch (type.kind) {
    case 'text':
    case 'enum':
      return (rows, bytes, { start, end }) => {
        if (bytes[start] !== quote || plainEnd(bytes, start + 1, bytes.length) !== end - 1)
          return false;
        rows.some();
        rows.copied(bytes, start + 1, end - 1);
        return true;
      };
    case 'integer':
      return (rows, _bytes, { isShort, mantissa, fraction }) => {
        if (!isShort || fraction > 0) return false;
        rows.some();
        rows.integer64(mantissa);
        return true;
      };
    case 'double':
      return (rows, _bytes, { isShort, mantissa, fraction }) => {
        if (!isShort) return false;
        rows.some();
        // A double holds both, so that the quotient is the one nearest to the number.
        rows.double(mantissa / 10 ** fraction);
        return true;
      };
    case 'array':
      return json((first) => first === bracket);
    case 'map':
      return json((first) => first === brace);
    case 'json':
      return json(() => true);
    default:
      return () => false;
  }
}

function json(fits: (first: number) => boolean): WriteProperty {
  return (rows, bytes, { start, end, isCanonical }) => {
    if (!isCanonical || !fits(bytes[start]!)) return false;
    rows.some();
    rows.copied(bytes, start, end);
    return true;
  };
}

function fromValue(type: LogicalType): WriteProperty {
  const write: WriteCell = cellOf(type, true);
  return (rows, bytes, { start, end }) => {
    const fitting = fitValue(valueBetween(bytes, start, end), type);
    if (fitting === null) rows.none();
    return fitting === null || (fitting !== undefined && write(rows, fitting, false));
  };
}
