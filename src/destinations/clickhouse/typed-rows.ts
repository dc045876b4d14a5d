import { plainDecimal } from '../../event/canonical-number.ts';
import { eventColumns } from '../tables/event-columns.ts';
import { addMisfits, type EventRow } from '../tables/event-row.ts';
import type { ColumnValue } from '../tables/fit-value.ts';
import type { LogicalType } from '../tables/logical-type.ts';
import type { PlannedColumn, TablePlan } from '../tables/plan-table.ts';
import { tsvNull, tsvText } from './tab-separated.ts';
import { decimalOf, insertedColumns } from './typed-statements.ts';

/** What a column cannot hold is stored as another value, or refused with its whole insert. */
const earliest = '1900-01-01';
/** Nanoseconds in 64 bits end on 2262-04-11, days in Date32 on 2299-12-31. */
const latestTime = '2262-04-11';
const latestDate = '2299-12-31';

const int256Max = 2n ** 255n - 1n;

/**
 * A row as a line of TabSeparated, in the order of `typedColumns`. A value that no column of ClickHouse
 * can hold is left out and its column named in `misfits`, as with every other value that does not fit.
 */
export function typedLine({ columns }: TablePlan, { event, properties }: EventRow): string {
  const misfits: string[] = [];
  const values = properties.map((value, at) => {
    const { name, type } = columns[at]!;
    const literal = literalOf(value, type);
    if (literal === undefined) misfits.push(name);
    return literal ?? tsvNull;
  });
  const common = insertedColumns.map((column, at) => {
    const value = event[placesOfInserted[at]!]!;
    const isMisfits = column.name === 'misfits' && misfits.length > 0;
    if (isMisfits) return withMisfits(value, misfits, columns);
    return literalOf(value, column.type) ?? tsvNull;
  });
  return `${[...common, ...values].join('\t')}\n`;
}

const placesOfInserted = insertedColumns.map((column) => eventColumns.indexOf(column));

function withMisfits(
  known: ColumnValue,
  more: readonly string[],
  columns: readonly PlannedColumn[],
): string {
  const all = addMisfits(known, more);
  const inOrder = columns.map(({ name }) => name).filter((name) => all.includes(name));
  return tsvText(JSON.stringify(inOrder));
}

/** Undefined if the column cannot hold the value. */
function literalOf(value: ColumnValue, type: LogicalType): string | undefined {
  if (value === null) return tsvNull;
  const decimal = decimalOf(type);
  if (decimal !== undefined) {
    const source = String(value);
    // Most numbers. Their digits after the point fit, or they would be misfits already.
    const isShort = typeof value === 'number' && !source.includes('e');
    if (isShort && Math.abs(value) < 10 ** (decimal.precision - decimal.scale)) return source;
    return plainDecimal(source, decimal.precision, decimal.scale);
  }
  switch (type.kind) {
    case 'timestamp':
    case 'date': {
      const day = String(value).slice(0, earliest.length);
      const latest = type.kind === 'date' ? latestDate : latestTime;
      const isIn = day >= earliest && (type.kind === 'date' ? day <= latest : day < latest);
      return isIn ? String(value) : undefined;
    }
    case 'big_integer': {
      const integer = BigInt(value);
      return integer <= int256Max && integer >= -int256Max ? String(integer) : undefined;
    }
    default:
      return typeof value === 'string' ? tsvText(value) : String(value);
  }
}
