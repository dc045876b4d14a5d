/** A number of JSON as its text: JavaScript's numbers would lose digits beyond the 15th. */
export interface ExactNumber {
  readonly numberText: string;
}

export type ExactJson =
  | string
  | boolean
  | null
  | ExactNumber
  | readonly ExactJson[]
  | { readonly [name: string]: ExactJson };

type Reviver = (name: string, value: unknown, context?: { source?: string }) => unknown;

/** Reads JSON without losing digits. Throws a SyntaxError if it is not JSON. */
export function parseExact(json: string): ExactJson {
  const keepDigits: Reviver = (_name, value, context) =>
    typeof value === 'number' ? exactNumber(context?.source ?? String(value)) : value;
  return JSON.parse(json, keepDigits as (name: string, value: unknown) => unknown) as ExactJson;
}

/** Writes it as it was read. */
export function writeExact(value: ExactJson): string {
  if (isExactNumber(value)) return value.numberText;
  if (Array.isArray(value)) return `[${value.map(writeExact).join(',')}]`;
  if (isObject(value)) {
    const members = Object.entries(value).map(
      ([name, member]) => `${JSON.stringify(name)}:${writeExact(member)}`,
    );
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value);
}

/** Without a prototype and under a symbol, so that no event can be taken for one. */
const mark = Symbol('exact number');

function exactNumber(numberText: string): ExactNumber {
  return { numberText, [mark]: true } as ExactNumber;
}

export function isExactNumber(value: ExactJson): value is ExactNumber {
  return typeof value === 'object' && value !== null && mark in value;
}

export function isObject(
  value: ExactJson | undefined,
): value is { readonly [name: string]: ExactJson } {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !isExactNumber(value)
  );
}
