import { isDeepStrictEqual } from 'node:util';

import { canonicalNumber } from '../canonical-number.ts';
import { mayBeInexact } from '../exact-numbers.ts';
import { parsePointer, valueAt } from './json-pointer.ts';
import type { JsonValue } from './json.ts';
import { parseByHand, parseJsonText } from './parse-json.ts';

/**
 * Whether two JSON texts have the same value, whatever the order of members: numbers are equal by all
 * their digits, however they are written (canonical-number.ts). Throws a SyntaxError if a text is not
 * JSON.
 *
 * @param part what of each value is compared; undefined members count as absent.
 */
export function sameJson(
  one: string,
  other: string,
  part: (value: JsonValue) => unknown = (value) => value,
): boolean {
  const read = mayBeInexact(one) || mayBeInexact(other) ? readCanonical : readDoubles;
  return isDeepStrictEqual(part(read(one)), part(read(other)));
}

class CanonicalNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

function readCanonical(text: string): JsonValue {
  return parseByHand(text, (source) => new CanonicalNumber(canonicalNumber(source)));
}

/** Ten times as fast. Written and read again, because -0 is 0. */
function readDoubles(text: string): JsonValue {
  return parseJsonText(JSON.stringify(parseJsonText(text)));
}

/**
 * Whether an array in a JSON text has two equal items, by all digits of their numbers.
 *
 * @param path a JSON pointer to the array. False if no array is there.
 */
export function repeatsItem(text: string, path: string): boolean {
  const items = valueAt(readCanonical(text), parsePointer(path) ?? []);
  if (!Array.isArray(items)) return false;
  const seen = new Set(items.map(keyOf));
  return seen.size < items.length;
}

/** Equal values have the same key. */
function keyOf(value: unknown): string {
  if (value instanceof CanonicalNumber) return value.text;
  if (Array.isArray(value)) return `[${value.map(keyOf).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${keyOf(member)}`).join(',')}}`;
}
