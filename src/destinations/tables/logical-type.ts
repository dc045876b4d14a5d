/**
 * What a column holds, before an engine says how. `integer` has 64 bits with a sign, `big_integer`
 * more; `decimal` has a fixed number of digits after the point, `number` any; `double` may round.
 *
 * There are no narrower integers: they would save little, and each widened bound would make a new
 * column.
 */
export type LogicalType =
  | { readonly kind: ScalarKind }
  | { readonly kind: 'enum'; readonly values: readonly string[] }
  | {
      readonly kind: 'decimal';
      readonly scale: number;
      /** All digits, where the bounds say how many; undefined without bounds. */
      readonly precision?: number | undefined;
    }
  | { readonly kind: 'array'; readonly item: LogicalType }
  /** An object whose names are data. */
  | { readonly kind: 'map'; readonly value: LogicalType };

export type ScalarKind =
  | 'text'
  | 'uuid'
  | 'timestamp'
  | 'date'
  | 'time'
  | 'boolean'
  | 'integer'
  | 'big_integer'
  | 'number'
  | 'double'
  /** Any JSON value, as JSON. */
  | 'json';

const texts: readonly string[] = ['text', 'enum', 'uuid', 'timestamp', 'date', 'time'];
const numbers: readonly string[] = ['integer', 'big_integer', 'decimal', 'number', 'double'];

/**
 * Types of one family are read back by one rule, so that they may share a column if an engine declares
 * them alike.
 */
export function familyOf({ kind }: LogicalType): string {
  if (kind === 'enum') return 'text';
  if (kind === 'decimal' || kind === 'big_integer') return 'number';
  if (kind === 'array' || kind === 'map') return 'json';
  return kind;
}

/** Whether the values are numbers in JSON. */
export function isNumber({ kind }: LogicalType): boolean {
  return numbers.includes(kind);
}

/** The type that holds the values of all these types. */
export function unionOf(types: readonly LogicalType[]): LogicalType {
  const [first, ...others] = distinct(types);
  if (first === undefined) return { kind: 'json' };
  if (others.length === 0) return first;
  const all = [first, ...others];
  if (all.every(({ kind }) => kind === 'enum')) {
    const values = all.flatMap((type) => (type.kind === 'enum' ? type.values : []));
    return { kind: 'enum', values: [...new Set(values)] };
  }
  if (all.every(({ kind }) => texts.includes(kind))) return { kind: 'text' };
  if (all.every(({ kind }) => kind === 'integer' || kind === 'big_integer')) {
    return { kind: 'big_integer' };
  }
  if (all.every(isNumber)) return { kind: 'number' };
  return { kind: 'json' };
}

/** Each type once. Two types are the same if they are written alike. */
export function distinct(types: readonly LogicalType[]): LogicalType[] {
  return [...new Map(types.map((type) => [JSON.stringify(type), type])).values()];
}

/**
 * The type of a value that must be of both types: the narrower one. Undefined if no value is of both.
 */
export function narrower(one: LogicalType, other: LogicalType): LogicalType | undefined {
  for (const [wide, narrow] of [
    [one, other],
    [other, one],
  ] as const) {
    if (wide.kind === 'json' || wide.kind === narrow.kind) return narrow;
    if (wide.kind === 'text' && texts.includes(narrow.kind)) return narrow;
    if (wide.kind === 'number' && numbers.includes(narrow.kind)) return narrow;
    if (wide.kind === 'double' && numbers.includes(narrow.kind)) return narrow;
    if (wide.kind === 'big_integer' && narrow.kind === 'integer') return narrow;
    if (wide.kind === 'decimal' && narrow.kind.endsWith('integer')) return narrow;
  }
  // Two formats of a text, such as uuid and date: the text says enough.
  return texts.includes(one.kind) && texts.includes(other.kind) ? { kind: 'text' } : undefined;
}
