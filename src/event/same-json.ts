import { isDeepStrictEqual } from 'node:util';

import { canonicalNumber } from './canonical-number.ts';
import { mayBeInexact } from './exact-numbers.ts';
import type { JsonValue } from './json/json.ts';
import { parseByHand, parseJsonText } from './json/parse-json.ts';

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
