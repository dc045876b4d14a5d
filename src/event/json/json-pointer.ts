import { isJsonObject, type JsonValue } from './json.ts';

/**
 * Splits a JSON pointer (RFC 6901): `/items/0/a~1b` is `items`, `0`, `a/b`; the empty text is the
 * whole value. Undefined if the text is not a pointer.
 */
export function parsePointer(text: string): readonly string[] | undefined {
  if (text === '') return [];
  if (!text.startsWith('/') || /~(?![01])/.test(text)) return undefined;
  return text.slice(1).split('/').map(unescapePointer);
}

/** The JSON pointer of a path: what `parsePointer` splits. */
export function pointerTo(path: readonly string[]): string {
  return path.map((step) => `/${escapePointer(step)}`).join('');
}

/** A name as one step of a JSON pointer (RFC 6901 §3). */
export function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** The name that a step of a JSON pointer stands for (RFC 6901 §3). */
export function unescapePointer(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~');
}

/** The value at a path; undefined if it does not exist. */
export function valueAt(value: JsonValue, tokens: readonly string[]): JsonValue | undefined {
  let at: JsonValue | undefined = value;
  for (const token of tokens) {
    if (Array.isArray(at)) at = isArrayIndex(token) ? at[Number(token)] : undefined;
    else if (isJsonObject(at) && Object.hasOwn(at, token)) at = at[token];
    else return undefined;
  }
  return at;
}

/** `01` and `-1` are not array indexes. */
export function isArrayIndex(token: string): boolean {
  return /^(?:0|[1-9]\d{0,8})$/.test(token);
}
