import { plainDecimal } from '../../event/canonical-number.ts';
import { declaredColumns, type DeclaredColumn } from '../described-tables.ts';
import type { TableDialect } from '../tables/dialect.ts';
import type { ColumnValue } from '../tables/fit-value.ts';
import type { LogicalType } from '../tables/logical-type.ts';
import type { TablePlan } from '../tables/plan-table.ts';

/** BigQuery takes 300; this is PostgreSQL's limit, so that tables have the same names there. */
const nameBytesMax = 63;

/** JSON is stored as its text: a column of the type JSON refuses numbers that a double would change. */
export const bigqueryDialect: TableDialect = {
  nameBytesMax,
  typeOf({ kind }) {
    switch (kind) {
      case 'timestamp':
      case 'date':
      case 'boolean':
      case 'integer':
        return kind.toUpperCase();
      case 'double':
        return 'FLOAT';
      case 'decimal':
      case 'number':
      case 'big_integer':
        return 'BIGNUMERIC';
      default:
        return 'STRING';
    }
  },
};

/** In the order of the fields of a row. */
export const columnsOf = (plan: Pick<TablePlan, 'columns'>): readonly DeclaredColumn[] =>
  declaredColumns(plan, bigqueryDialect);

/** As many digits before the point as after it. */
const decimalPrecision = 76;
const decimalScale = 38;
const dayMs = 86_400_000;

/** A value as a field of Protobuf takes it, by its column. */
export type FieldValue = string | number | bigint | boolean | null;

/** Undefined if no column of its type can hold it. */
export function fieldValue(value: ColumnValue, type: LogicalType): FieldValue | undefined {
  if (value === null) return null;
  switch (bigqueryDialect.typeOf(type)) {
    case 'TIMESTAMP':
      return microsOf(String(value));
    case 'DATE':
      return Date.parse(`${String(value)}T00:00:00Z`) / dayMs;
    case 'INTEGER':
      return BigInt(value);
    case 'BIGNUMERIC':
      return plainDecimal(String(value), decimalPrecision, decimalScale);
    default:
      return value;
  }
}

/** RFC 3339 in UTC as microseconds. BigQuery has the years 1 to 9999, as RFC 3339 but for the year 0. */
function microsOf(time: string): bigint | undefined {
  const [seconds = '', fraction = ''] = time.replace('Z', '').split('.');
  const ms = Date.parse(`${seconds}Z`);
  if (Number.isNaN(ms) || time.startsWith('0000')) return undefined;
  return BigInt(ms) * 1_000n + BigInt(fraction.padEnd(6, '0').slice(0, 6));
}
