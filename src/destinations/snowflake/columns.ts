import { plainDecimal } from '../../event/canonical-number.ts';
import type { TableDialect } from '../tables/dialect.ts';
import type { ColumnValue } from '../tables/fit-value.ts';
import type { LogicalType } from '../tables/logical-type.ts';

/** Snowflake takes 255; this is PostgreSQL's limit, so that tables have the same names there. */
const nameBytesMax = 63;

/** The most digits of a NUMBER. */
const precision = 38;
/** Digits after the point of a number whose contract does not say how many. */
const anyScale = 18;

function scaleOf(type: LogicalType): number | undefined {
  switch (type.kind) {
    case 'integer':
    case 'big_integer':
      return 0;
    case 'decimal':
      return type.scale;
    case 'number':
      return anyScale;
    default:
      return undefined;
  }
}

/** As DESCRIBE TABLE says it, but for the length of a VARCHAR. */
export const snowflakeDialect: TableDialect = {
  nameBytesMax,
  typeOf(type) {
    const scale = scaleOf(type);
    if (scale !== undefined) return `NUMBER(${precision},${scale})`;
    switch (type.kind) {
      case 'timestamp':
        return 'TIMESTAMP_TZ(9)';
      case 'date':
      case 'boolean':
        return type.kind.toUpperCase();
      case 'double':
        return 'FLOAT';
      case 'array':
      case 'map':
      case 'json':
        return 'VARIANT';
      default:
        return 'VARCHAR';
    }
  },
};

/**
 * The text from which Snowflake makes the value of a column. Undefined if the column cannot hold it. Every
 * value is loaded as text, because a number of JSON may lose digits.
 */
export function textOf(value: ColumnValue, type: LogicalType): string | null | undefined {
  if (value === null) return null;
  const scale = scaleOf(type);
  if (scale !== undefined) return plainDecimal(String(value), precision, scale);
  const text = String(value).toWellFormed();
  return type.kind === 'timestamp' ? text.replace(/Z$/, '+00:00') : text;
}

/** The value of a column, from the line `l` that `textOf` was written to. */
export function expressionOf(name: string, declared: string): string {
  const text = `l."ROW":"${name}"::VARCHAR`;
  if (declared === 'VARCHAR') return text;
  // What Snowflake does not take for JSON stays as a text.
  if (declared === 'VARIANT') return `COALESCE(TRY_PARSE_JSON(${text}), TO_VARIANT(${text}))`;
  return `${text}::${declared}`;
}

/**
 * A name as Snowflake writes names without quotes: in upper case. So no query needs quotes, but for a
 * word of SQL.
 */
export function quoted(name: string): string {
  return `"${name.toUpperCase().replaceAll('"', '""')}"`;
}

/** A text in SQL. */
export function literal(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
