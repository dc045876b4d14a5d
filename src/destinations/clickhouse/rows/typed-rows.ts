import { plainDecimal } from '../../../event/canonical-number.ts';
import { eventColumns } from '../../tables/event-columns.ts';
import { addMisfits, misfitsAt, type EventRow } from '../../tables/event-row.ts';
import type { ColumnValue } from '../../tables/fit-value.ts';
import type { LogicalType } from '../../tables/logical-type.ts';
import type { TablePlan } from '../../tables/plan-table.ts';
import { decimalOf, writtenColumns } from '../typed-statements.ts';
import type { RowWriter } from './row-writer.ts';

/** What a column cannot hold is stored as another value, or refused with its whole insert. */
const earliest = '1900-01-01';
/** Nanoseconds in 64 bits end on 2262-04-11, days in Date32 on 2299-12-31. */
const latestTime = '2262-04-11';
const latestDate = '2299-12-31';

const int256Max = 2n ** 255n - 1n;

/** Whether a column of times can hold this one. */
export function isColumnTime(time: string): boolean {
  const day = time.slice(0, earliest.length);
  return day >= earliest && day < latestTime;
}

/**
 * Writes a row, in the order of `typedColumns`.
 *
 * @param isAscii whether all texts of the event are.
 */
export type WriteRow = (rows: RowWriter, row: EventRow, isAscii: boolean) => void;

/**
 * Writes the rows of a table. A value that no column of ClickHouse can hold is left out and its column named in
 * `misfits`, as with every other value that does not fit.
 */
export function createRowWriting({ columns }: TablePlan): WriteRow {
  const ofEvent = writtenColumns.map(({ type, isRequired }) => cellOf(type, !isRequired));
  const ofProperties = columns.map(({ type }) => cellOf(type, true));
  const namesIn = (texts: readonly string[]): string[] =>
    columns.map(({ name }) => name).filter((name) => texts.includes(name));

  return (rows, { event, properties }, isAscii) => {
    for (let at = 0; at < ofEvent.length; at += 1) {
      const value = event[placesOfWritten[at]!]!;
      if (value === null || !ofEvent[at]!(rows, value, isAscii)) rows.none();
    }
    let misfits: string[] | undefined;
    for (let at = 0; at < ofProperties.length; at += 1) {
      const value = properties[at]!;
      if (value === null) rows.none();
      else if (!ofProperties[at]!(rows, value, isAscii)) {
        rows.none();
        (misfits ??= []).push(columns[at]!.name);
      }
    }
    // The last column: only now it is known what did not fit.
    const known = event[misfitsAt];
    if (misfits === undefined && (known === null || known === undefined)) return rows.none();
    rows.some();
    const text =
      misfits === undefined ? String(known) : JSON.stringify(namesIn(addMisfits(known, misfits)));
    rows.text(text, false);
  };
}

const placesOfWritten = writtenColumns.map((column) => eventColumns.indexOf(column));

/** Writes the value of a column. Returns false, and writes nothing, if the column cannot hold it. */
export type WriteCell = (rows: RowWriter, value: Value, isAscii: boolean) => boolean;

export function cellOf(type: LogicalType, isNullable: boolean): WriteCell {
  const decimal = decimalOf(type);
  if (decimal !== undefined) return decimalCell(decimal);
  switch (type.kind) {
    case 'uuid':
      return cell(isNullable, (rows, value) => {
        if (!rows.uuid(String(value))) throw new TypeError('a UUID was not read as one');
      });
    case 'timestamp':
      return only(
        (value) => isColumnTime(String(value)),
        cell(isNullable, (rows, value) => rows.time(String(value), 9)),
      );
    case 'date':
      return only(
        (value) => String(value) >= earliest && String(value) <= latestDate,
        cell(isNullable, (rows, value) => rows.date(String(value))),
      );
    case 'boolean':
      return cell(isNullable, (rows, value) => rows.boolean(value === true));
    case 'integer':
      return cell(isNullable, (rows, value) =>
        rows.integer64(typeof value === 'bigint' ? value : Number(value)),
      );
    case 'big_integer':
      return only(
        (value) => BigInt(value) <= int256Max && BigInt(value) >= -int256Max,
        cell(isNullable, (rows, value) => rows.integer256(BigInt(value))),
      );
    case 'double':
      return cell(isNullable, (rows, value) => rows.double(Number(value)));
    default:
      return (rows, value, isAscii) => {
        if (isNullable) rows.some();
        rows.text(String(value), isAscii);
        return true;
      };
  }
}

type Value = NonNullable<ColumnValue>;

function cell(isNullable: boolean, write: (rows: RowWriter, value: Value) => void): WriteCell {
  return (rows, value) => {
    if (isNullable) rows.some();
    write(rows, value);
    return true;
  };
}

/** For a column that cannot hold every value of its type. */
function only(holds: (value: Value) => boolean, write: WriteCell): WriteCell {
  return (rows, value, isAscii) => holds(value) && write(rows, value, isAscii);
}

/** No column of every table is one of these: each may be null. */
function decimalCell({ precision, scale }: { precision: number; scale: number }): WriteCell {
  const limit = 10 ** (precision - scale);
  const bytes = precision > 38 ? 32 : 16;
  return (rows, value) => {
    const before = rows.length();
    rows.some();
    if (typeof value === 'number' && rows.shortDecimal(value, bytes, scale)) return true;
    const source = String(value);
    // Most other numbers. Their digits after the point fit, or they would be misfits already.
    const isShort = typeof value === 'number' && Math.abs(value) < limit && !source.includes('e');
    const text = isShort ? source : plainDecimal(source, precision, scale);
    if (text === undefined) rows.cut(before);
    else rows.decimal(text, bytes, scale);
    return text !== undefined;
  };
}
