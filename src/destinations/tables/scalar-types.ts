import type { JsonObject, JsonValue } from '../../event/json/json.ts';
import type { LogicalType, ScalarKind } from './logical-type.ts';

const textFormats: Readonly<Record<string, ScalarKind>> = {
  'date-time': 'timestamp',
  date: 'date',
  time: 'time',
  uuid: 'uuid',
};

const int64Max = 2n ** 63n - 1n;

/** The type of the strings that a schema takes. */
export function textTypeOf(schema: JsonObject): LogicalType {
  // What replaces personal data is a text of another form.
  if (schema['x-pii'] !== undefined) return { kind: 'text' };
  const { format } = schema;
  const kind = typeof format === 'string' ? textFormats[format] : undefined;
  return { kind: kind ?? 'text' };
}

/** The type of the numbers that a schema takes. */
export function numberTypeOf(schema: JsonObject, isInteger: boolean): LogicalType {
  const { format, multipleOf } = schema;
  const scale = typeof multipleOf === 'number' ? scaleOf(multipleOf) : undefined;
  if (isInteger || scale === 0 || format === 'int32' || format === 'int64') {
    return { kind: isBeyondInt64(schema) ? 'big_integer' : 'integer' };
  }
  if (scale !== undefined) return { kind: 'decimal', scale, precision: precisionOf(schema, scale) };
  return { kind: format === 'double' || format === 'float' ? 'double' : 'number' };
}

/** The types of the values that a schema lists. */
export function listedTypes(values: readonly JsonValue[]): LogicalType[] {
  const types: LogicalType[] = [];
  const words = values.filter((value) => typeof value === 'string');
  if (words.length > 0) types.push({ kind: 'enum', values: words });
  for (const value of values) {
    if (typeof value === 'boolean') types.push({ kind: 'boolean' });
    if (typeof value === 'object' && value !== null) types.push({ kind: 'json' });
    if (typeof value !== 'number') continue;
    const isInteger = Number.isInteger(value);
    types.push(numberTypeOf({ minimum: value, maximum: value }, isInteger));
  }
  return types;
}

function boundsOf(schema: JsonObject): number[] {
  const keywords = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'];
  return keywords.map((keyword) => schema[keyword]).filter((bound) => typeof bound === 'number');
}

/**
 * A bound beyond 64 bits says that such integers come. `2^63` itself does not: it is how a double, and
 * so this schema, holds the largest integer of 64 bits.
 */
function isBeyondInt64(schema: JsonObject): boolean {
  return boundsOf(schema).some((bound) => {
    if (!Number.isFinite(bound)) return true;
    const size = BigInt(Math.trunc(Math.abs(bound)));
    return size > int64Max + 1n;
  });
}

/** Digits after the point of a step: 2 for `0.05`. */
function scaleOf(step: number): number | undefined {
  const [digits = '', power = '0'] = String(step).split('e');
  const fraction = digits.split('.')[1] ?? '';
  const scale = Math.max(0, fraction.length - Number(power));
  return scale <= 30 ? scale : undefined;
}

function precisionOf(schema: JsonObject, scale: number): number | undefined {
  const { minimum, exclusiveMinimum, maximum, exclusiveMaximum } = schema;
  const low = minimum ?? exclusiveMinimum;
  const high = maximum ?? exclusiveMaximum;
  if (typeof low !== 'number' || typeof high !== 'number') return undefined;
  const size = Math.trunc(Math.max(Math.abs(low), Math.abs(high)));
  return Number.isFinite(size) ? BigInt(size).toString().length + scale : undefined;
}
