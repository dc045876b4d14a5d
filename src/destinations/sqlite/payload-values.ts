import { isAscii } from 'node:buffer';
import type { SQLInputValue } from 'node:sqlite';
import { plainEnd } from '../../event/json/find-json.ts';
import { brace, bracket, powersOfTen, quote } from '../../event/json/json-codes.ts';
import { readTime } from '../../event/time/time-text.ts';
import type { HeadDelivery, PayloadHead } from '../payload-bytes/payload-head.ts';
import { columnPlaces } from '../payload-bytes/column-places.ts';
import {
  createFindProperties,
  isNullAt,
  valueBetween,
} from '../payload-bytes/planned-properties.ts';
import type { PropertyPlace } from '../payload-bytes/property-places.ts';
import { eventColumns } from '../tables/event-columns.ts';
import { fitValue, type ColumnValue } from '../tables/fit-value.ts';
import type { LogicalType } from '../tables/logical-type.ts';
import type { TablePlan } from '../tables/plan-table.ts';

/**
 * Fills in the values of a row from the bytes of its payload: the same ones as from its event (event-row.ts), in the
 * order of `eventColumns` and then of the columns of the plan. False if the row has to be made of its event: for a payload
 * of another form than the gate writes, and for one with a property that does not fit its column.
 *
 * @param deliveredAt RFC 3339.
 */
export type FillRow = (values: SQLInputValue[], head: RowHead, deliveredAt: string) => boolean;

type RowHead = PayloadHead<HeadDelivery>;

export function createFillRow(plan: TablePlan): FillRow {
  const findProperties = createFindProperties(plan);
  const readers = plan.columns.map(({ type }) => propertyReader(type));
  return (values, head, deliveredAt) => {
    const properties = findProperties(head);
    if (properties === undefined) return false;
    const text = textsIn(head.bytes);
    if (!fillEvent(values, head, deliveredAt, text)) return false;
    const turn = properties.turn();
    for (let at = 0; at < readers.length; at += 1) {
      const place = properties.columns[at];
      const isThere = place?.turn === turn && !isNullAt(head.bytes, place.start);
      const value = isThere ? readers[at]!(head.bytes, place, text) : null;
      if (value === undefined) return false;
      values[eventColumns.length + at] = value;
    }
    return true;
  };
}

/** As node:sqlite takes it, for a column of a STRICT table. */
export function asBound(value: ColumnValue): SQLInputValue {
  if (typeof value === 'string' || value === null) return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  // A double would be shown as 100.0 in a column of numbers.
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value === 'bigint' && BigInt.asIntN(64, value) !== value) return String(value);
  return value;
}

type TextBetween = (start: number, end: number) => string;

/** Of a payload of ASCII, one text is made, and cut where it is needed. */
function textsIn(bytes: Buffer): TextBetween {
  if (!isAscii(bytes)) return (start, end) => bytes.toString('utf8', start, end);
  const text = bytes.toString('latin1');
  return (start, end) => text.slice(start, end);
}

/** False if a column has to be read in another way. */
function fillEvent(
  values: SQLInputValue[],
  { bytes, base, places, sequence, schemaVersion }: RowHead,
  deliveredAt: string,
  text: TextBetween,
): boolean {
  for (let at = 0; at < eventColumns.length; at += 1) {
    const { name, type, isRequired } = eventColumns[at]!;
    const member = columnPlaces[at]!;
    let value: SQLInputValue = null;
    if (member < 0) {
      if (name === 'sequence') value = sequence;
      else if (name === 'delivered_at') value = deliveredAt;
    } else {
      const start = places.places[base + member]!;
      const end = places.places[base + member + 1]!;
      if (start !== 0) {
        if (type.kind === 'integer') value = schemaVersion;
        else if (type.kind === 'timestamp') value = readTime(text(start, end)) ?? null;
        else if (type.kind !== 'json' || !isNullAt(bytes, start)) value = text(start, end);
      }
    }
    if (isRequired && value === null) return false;
    values[at] = value;
  }
  return true;
}

/** Reads a property that is not null. Undefined if its column cannot hold it. */
type ReadProperty = (
  bytes: Buffer,
  place: PropertyPlace,
  text: TextBetween,
) => SQLInputValue | undefined;

/** From the bytes where that gives the same, else from the value. */
function propertyReader(type: LogicalType): ReadProperty {
  const { kind } = type;
  const isJson = kind === 'array' || kind === 'map' || kind === 'json';
  return (bytes, place, text) => {
    const { start, end } = place;
    const isString = bytes[start] === quote;
    if (isString && !isJson && plainEnd(bytes, start + 1, end) === end - 1) {
      return fitting(text(start + 1, end - 1), type);
    }
    if (place.isShort && !isString && isShortNumber(type, place)) {
      // Both are whole numbers that a double has, so that this is the double nearest to what is written.
      return asBound(place.mantissa / powersOfTen[place.fraction]!);
    }
    if (isJson && place.isCanonical && isOfKind(kind, bytes[start]!)) return text(start, end);
    return fitting(valueBetween(bytes, start, end), type);
  };
}

function fitting(
  value: Parameters<typeof fitValue>[0],
  type: LogicalType,
): SQLInputValue | undefined {
  const fitted = fitValue(value, type);
  return fitted === undefined ? undefined : asBound(fitted);
}

/** Whether a column of this type has the number as a double. */
function isShortNumber(type: LogicalType, { fraction, isCanonical }: PropertyPlace): boolean {
  switch (type.kind) {
    case 'integer':
    case 'big_integer':
      return fraction === 0;
    case 'number':
    case 'double':
      return true;
    case 'decimal':
      // Without a zero at its end.
      return isCanonical && fraction <= type.scale;
    default:
      return false;
  }
}

function isOfKind(kind: 'array' | 'map' | 'json', first: number): boolean {
  if (kind === 'json') return true;
  return first === (kind === 'array' ? bracket : brace);
}
