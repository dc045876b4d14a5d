import type { SchemaElement } from 'hyparquet';
import { canonicalNumber, decimalParts } from '../../event/canonical-number.ts';
import { isUuid } from '../../event/event-id.ts';
import type { TableDialect } from '../tables/dialect.ts';
import type { ColumnValue } from '../tables/fit-value.ts';
import type { LogicalType } from '../tables/logical-type.ts';

/** A value as the writer takes it. */
export type ParquetValue = string | number | bigint | boolean | null;

/** Readers know no more digits. */
const precision = 38;

/** Digits after the point of a column that takes numbers of any size. */
const anyScale = 18;

/** Digits after the point of a column of decimals. */
export function scaleOf(type: LogicalType): number | undefined {
  if (type.kind === 'number') return anyScale;
  if (type.kind === 'big_integer') return 0;
  return type.kind === 'decimal' ? type.scale : undefined;
}

/** A folder of files has no limit for names; this is PostgreSQL's, so that they are the same there. */
export const parquetDialect: TableDialect = {
  nameBytesMax: 63,
  typeOf(type) {
    const scale = scaleOf(type);
    if (scale !== undefined) return `DECIMAL(${precision}, ${scale})`;
    switch (type.kind) {
      case 'uuid':
      case 'timestamp':
      case 'date':
      case 'boolean':
      case 'double':
        return type.kind.toUpperCase();
      case 'integer':
        return 'INT64';
      default:
        // Arrays, maps and other JSON as their text.
        return 'TEXT';
    }
  },
};

const text = { type: 'BYTE_ARRAY', converted_type: 'UTF8' } as const;

/** How a file declares a column. Each may be null: a file of another version may not have it. */
export function elementOf(name: string, type: LogicalType): SchemaElement {
  return { name, repetition_type: 'OPTIONAL', ...typeElement(type) };
}

function typeElement(type: LogicalType): Omit<SchemaElement, 'name'> {
  const scale = scaleOf(type);
  if (scale !== undefined) {
    const bytes = { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16 } as const;
    return { ...bytes, converted_type: 'DECIMAL', precision, scale };
  }
  switch (type.kind) {
    case 'uuid':
      return { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16, logical_type: { type: 'UUID' } };
    case 'timestamp':
      return {
        type: 'INT64',
        logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'NANOS' },
      };
    case 'date':
      return { type: 'INT32', converted_type: 'DATE' };
    case 'boolean':
      return { type: 'BOOLEAN' };
    case 'integer':
      return { type: 'INT64' };
    case 'double':
      return { type: 'DOUBLE' };
    default:
      return text;
  }
}

const int64Max = 2n ** 63n - 1n;
const dayMs = 86_400_000;

/** The value for a file. Undefined if no column of its type can hold it. */
export function parquetValue(value: ColumnValue, type: LogicalType): ParquetValue | undefined {
  if (value === null) return null;
  const scale = scaleOf(type);
  if (scale !== undefined) {
    const size = typeof value === 'number' ? unscaledDouble(value, scale) : undefined;
    return size ?? unscaled(canonicalNumber(String(value)), scale);
  }
  switch (type.kind) {
    case 'timestamp':
      return nanosOf(String(value));
    case 'date':
      return Date.parse(`${String(value)}T00:00:00Z`) / dayMs;
    case 'integer':
      return int64Of(value);
    case 'uuid':
      return isUuid(String(value)) ? String(value) : undefined;
    default:
      return value;
  }
}

function int64Of(value: Exclude<ColumnValue, null>): bigint | undefined {
  if (typeof value === 'number' && !Number.isInteger(value)) return undefined;
  const number = BigInt(value);
  return BigInt.asIntN(64, number) === number ? number : undefined;
}

/** What most times are: `2026-03-01T12:00:00.000Z`. */
const timeLength = 24;

/** RFC 3339 in UTC as nanoseconds, which end in 2262. DuckDB reads the last ones of both ends as infinite. */
function nanosOf(time: string): bigint | undefined {
  if (time.length === timeLength && time.endsWith('Z') && time < '2262') {
    const ms = Date.parse(time);
    if (ms >= 0) return BigInt(ms) * 1_000_000n;
  }
  const [seconds = '', fraction = ''] = time.replace('Z', '').split('.');
  const ms = Date.parse(`${seconds}Z`);
  if (Number.isNaN(ms)) return undefined;
  const nanos = BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9));
  return nanos < int64Max && nanos > -int64Max ? nanos : undefined;
}

/** Decimals of so many digits are all different as doubles, so that one of them is the number as it was written. */
const exactMax = 1e15;
const powers = Array.from({ length: anyScale + 1 }, (_, power) => 10n ** BigInt(power));

/** The same for a number with at most two digits after its point, as money has. Undefined for others. */
function unscaledDouble(value: number, scale: number): bigint | undefined {
  const places = Number.isInteger(value) ? 0 : 2;
  const size = places === 0 ? value : Math.round(value * 100);
  const power = powers[scale - places];
  if (power === undefined || Math.abs(size) >= exactMax) return undefined;
  if (places !== 0 && size / 100 !== value) return undefined;
  return BigInt(size) * power;
}

/** A number without its point: 1990 for 19.9 with a scale of 2. */
function unscaled(number: string, scale: number): bigint | undefined {
  const parts = decimalParts(number);
  if (parts === undefined) return undefined;
  const { sign, digits, exponent } = parts;
  if (digits === '') return 0n;
  const zeros = exponent + scale;
  if (zeros < 0 || digits.length + zeros > precision) return undefined;
  const size = BigInt(`${digits}${'0'.repeat(zeros)}`);
  return sign === '' ? size : -size;
}
