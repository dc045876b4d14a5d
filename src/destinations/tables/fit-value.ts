import { canonicalNumber, isExactly, roundedNearby } from '../../event/canonical-number.ts';
import { isUuid } from '../../event/event-id.ts';
import { numberText } from '../../event/changed-properties.ts';
import type { JsonValue } from '../../event/json/json.ts';
import { readTime } from '../../event/time/time-text.ts';
import type { LogicalType } from './logical-type.ts';

/**
 * A value in the form of its column.
 *
 * - Integers: a number up to 2^53, a bigint beyond.
 * - Exact numbers: a number where a double holds every digit, else their text.
 * - Times: RFC 3339 in UTC. JSON: its text, with all digits.
 */
export type ColumnValue = string | number | bigint | boolean | null;

const timeForm = /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(z|[+-](0\d|1[0-5]):[0-5]\d)$/i;
const dateForm = /^\d{4}-\d{2}-\d{2}$/;
/** Every double is within. A number far beyond would have thousands of zeros in PostgreSQL, or lose digits. */
const exponentMax = 400;
const int64Min = -(2n ** 63n);
const int64Max = 2n ** 63n - 1n;

/**
 * The value for a column of a type. Undefined if it does not fit. A sum of prices may be 166.92000000000002: a column of
 * exact numbers has what such a number is near to, as the contract takes it for.
 *
 * @param value from `parseExactly` or `parseWithNumberTexts`, so that no number has lost a digit.
 */
export function fitValue(value: JsonValue | undefined, type: LogicalType): ColumnValue | undefined {
  if (value === null || value === undefined) return null;
  switch (type.kind) {
    case 'text':
    case 'enum':
      return typeof value === 'string' ? value : undefined;
    case 'boolean':
      return typeof value === 'boolean' ? value : undefined;
    case 'uuid':
      return typeof value === 'string' && isUuid(value) ? value.toLowerCase() : undefined;
    case 'timestamp':
      return typeof value === 'string' ? readTime(value) : undefined;
    case 'date':
      return typeof value === 'string' && isDate(value) ? value : undefined;
    case 'time':
      return typeof value === 'string' && timeForm.test(value) ? value.toUpperCase() : undefined;
    case 'integer':
      return integerOf(value, true);
    case 'big_integer':
    case 'decimal':
    case 'number':
    case 'double':
      return numberOf(value, type);
    case 'array':
      return Array.isArray(value) ? JSON.stringify(value) : undefined;
    case 'map':
      return isObject(value) ? JSON.stringify(value) : undefined;
    case 'json':
      return JSON.stringify(value);
  }
}

function isDate(text: string): boolean {
  return dateForm.test(text) && readTime(`${text}T00:00:00Z`) !== undefined;
}

function isObject(value: JsonValue): boolean {
  const isText = numberText(value) !== undefined;
  return typeof value === 'object' && !Array.isArray(value) && !isText;
}

function sourceOf(value: JsonValue): string | undefined {
  return typeof value === 'number' ? String(value) : numberText(value);
}

/** A whole number, however it was written: `100`, `1e2` and `100.0` are the same. */
function integerOf(value: JsonValue, isInt64: boolean): number | bigint | undefined {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value === 0 ? 0 : value;
  const source = sourceOf(value);
  if (source === undefined) return undefined;
  const digits = roundedNearby(canonicalNumber(source), 0);
  const integer = digits === undefined ? undefined : wholeNumber(digits);
  if (integer === undefined || (isInt64 && (integer < int64Min || integer > int64Max))) {
    return undefined;
  }
  const double = Number(integer);
  return Number.isSafeInteger(double) ? double : integer;
}

/** The canonical text of a large integer may have an exponent. */
function wholeNumber(text: string): bigint | undefined {
  if (/^-?\d+$/.test(text)) return BigInt(text);
  const match = /^(-?\d)(?:\.(\d+))?e\+(\d+)$/.exec(text);
  if (match === null) return undefined;
  const [, first = '', fraction = '', power = ''] = match;
  const zeros = Number(power) - fraction.length;
  if (zeros < 0 || zeros > exponentMax) return undefined;
  return BigInt(`${first}${fraction}${'0'.repeat(zeros)}`);
}

function numberOf(value: JsonValue, type: LogicalType): ColumnValue | undefined {
  // Most numbers: a double has all their digits, or they would be text here.
  if (typeof value === 'number' && fits(value, type)) return value === 0 ? 0 : value;
  const source = sourceOf(value);
  if (source === undefined) return undefined;
  const double = Number(source);
  if (type.kind === 'double' && !Number.isFinite(double)) return undefined;
  // Never -0: whether its text is kept depends on the numbers beside it.
  if (type.kind === 'double') return double === 0 ? 0 : double;
  const text = canonicalNumber(source);
  const power = /e([+-]\d+)$/.exec(text)?.[1];
  if (power !== undefined && Math.abs(Number(power)) > exponentMax) return undefined;
  if (type.kind === 'big_integer') return integerOf(value, false);
  const fitting = type.kind === 'decimal' ? roundedNearby(text, type.scale) : text;
  if (fitting === undefined) return undefined;
  const nearest = Number(fitting);
  if (isExactly(fitting, nearest)) return nearest === 0 ? 0 : nearest;
  return fitting;
}

/** False also where it takes longer to find out. */
function fits(value: number, type: LogicalType): boolean {
  if (!Number.isFinite(value)) return false;
  if (type.kind === 'number') return true;
  if (type.kind !== 'decimal') return false;
  if (Number.isInteger(value)) return true;
  const text = String(value);
  return !text.includes('e') && text.length - text.indexOf('.') - 1 <= type.scale;
}
