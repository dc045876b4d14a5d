import { plainDecimal } from '../../event/canonical-number.ts';
import { eventColumns } from '../tables/event-columns.ts';
import { addMisfits, type EventRow } from '../tables/event-row.ts';
import type { ColumnValue } from '../tables/fit-value.ts';
import type { LogicalType } from '../tables/logical-type.ts';
import type { TablePlan } from '../tables/plan-table.ts';
import { tsvNull, tsvText } from './tab-separated.ts';
import { decimalOf, insertedColumns } from './typed-statements.ts';

/** What a column cannot hold is stored as another value, or refused with its whole insert. */
const earliest = '1900-01-01';
/** Nanoseconds in 64 bits end on 2262-04-11, days in Date32 on 2299-12-31. */
const latestTime = '2262-04-11';
const latestDate = '2299-12-31';

const int256Max = 2n ** 255n - 1n;

/**
 * A row as a line of TabSeparated, with its line feed.
 *
 * @param isPlain whether no text of the event has a character that TabSeparated escapes: `isPlainPayload`.
 */
export type LineOf = (row: EventRow, isPlain: boolean) => string;

/**
 * Whether an event needs no escapes as TabSeparated. JSON escapes the same characters, all with a backslash, so
 * that one search replaces one in each column.
 */
export function isPlainPayload(payload: string): boolean {
  return !payload.includes('\\');
}

/**
 * Makes the lines of a table, in the order of `typedColumns`. A value that no column of ClickHouse can hold is left
 * out and its column named in `misfits`, as with every other value that does not fit.
 */
export function createLines({ columns }: TablePlan): LineOf {
  const ofEvent = insertedColumns.map(({ type }) => literalsOf(type));
  const ofProperties = columns.map(({ type }) => literalsOf(type));
  const namesIn = (texts: readonly string[]): string[] =>
    columns.map(({ name }) => name).filter((name) => texts.includes(name));

  return ({ event, properties }, isPlain) => {
    // Joined at once: a text that grows by each value has to be made flat again afterwards.
    const cells: string[] = [];
    for (let at = 0; at < ofEvent.length; at += 1) {
      const value = event[placesOfInserted[at]!]!;
      cells.push(value === null ? tsvNull : (ofEvent[at]!(value, isPlain) ?? tsvNull));
    }
    let misfits: string[] | undefined;
    for (let at = 0; at < ofProperties.length; at += 1) {
      const value = properties[at]!;
      const literal = value === null ? tsvNull : ofProperties[at]!(value, isPlain);
      if (literal === undefined) (misfits ??= []).push(columns[at]!.name);
      cells.push(literal ?? tsvNull);
    }
    if (misfits !== undefined) {
      const known = event[placesOfInserted[misfitsAt]!];
      cells[misfitsAt] = tsvText(JSON.stringify(namesIn(addMisfits(known, misfits))));
    }
    return `${cells.join('\t')}\n`;
  };
}

const placesOfInserted = insertedColumns.map((column) => eventColumns.indexOf(column));
const misfitsAt = insertedColumns.findIndex(({ name }) => name === 'misfits');

/** The text of a value in TabSeparated. Undefined if the column cannot hold the value. */
type LiteralOf = (value: NonNullable<ColumnValue>, isPlain: boolean) => string | undefined;

function literalsOf(type: LogicalType): LiteralOf {
  const decimal = decimalOf(type);
  if (decimal !== undefined) return decimalsOf(decimal);
  switch (type.kind) {
    case 'timestamp':
      return (value) =>
        isIn(String(value), (day) => day < latestTime) ? String(value) : undefined;
    case 'date':
      return (value) =>
        isIn(String(value), (day) => day <= latestDate) ? String(value) : undefined;
    case 'big_integer':
      return (value) => {
        const integer = BigInt(value);
        return integer <= int256Max && integer >= -int256Max ? String(integer) : undefined;
      };
    default:
      return (value, isPlain) =>
        typeof value === 'string' && !isPlain ? tsvText(value) : String(value);
  }
}

function isIn(time: string, isEarly: (day: string) => boolean): boolean {
  const day = time.slice(0, earliest.length);
  return day >= earliest && isEarly(day);
}

function decimalsOf({ precision, scale }: { precision: number; scale: number }): LiteralOf {
  const limit = 10 ** (precision - scale);
  return (value) => {
    const source = String(value);
    // Most numbers. Their digits after the point fit, or they would be misfits already.
    const isShort = typeof value === 'number' && Math.abs(value) < limit && !source.includes('e');
    return isShort ? source : plainDecimal(source, precision, scale);
  };
}
