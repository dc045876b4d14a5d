import { isExactly } from './canonical-number.ts';
import { rawJson } from './changed-properties.ts';
import type { JsonValue } from './json/json.ts';
import { parseByHand } from './json/parse-json.ts';

/**
 * A number that a double may not hold: at least sixteen characters, or an exponent. Numbers follow
 * a colon, a comma or a bracket, so digits of ids do not match. Nearly every text has no match and
 * is not read a second time.
 */
const suspicious = /[:,[]\s*-?\d(?:[\d.]{15}|[\d.]*[eE])/;

/** Whether a number of a JSON text may be one that a double does not hold. False for nearly all. */
export function mayBeInexact(text: string): boolean {
  return suspicious.test(text);
}

/**
 * The parsed JSON text, with numbers as written unless JavaScript would write them the same. Undefined if no number
 * differs. The result is only for `JSON.stringify`, and has null in place of what nests deeper than 500 levels.
 *
 * By hand, because a reviver of `JSON.parse` takes several times as long, and ends at some 2,000 levels.
 *
 * Throws if the text is not JSON.
 */
export function parseExactly(text: string): JsonValue | undefined {
  return parseNumbers(text, (source, number) => String(number) === source);
}

/**
 * The same, with the digits only of numbers that a double would change: `1.50` is 1.5 and `1e2` is 100, whatever stands beside
 * them in the text.
 */
export function parseShortest(text: string): JsonValue | undefined {
  return parseNumbers(text, isExactly);
}

function parseNumbers(
  text: string,
  isSame: (source: string, number: number) => boolean,
): JsonValue | undefined {
  if (!mayBeInexact(text)) return undefined;
  let inexact = false;
  const exactNumber = (source: string): unknown => {
    const number = Number(source);
    // Above 2^53 the double alone does not show whether a whole number has these digits.
    const isCertain = Number.isSafeInteger(number) || !Number.isInteger(number);
    if (isCertain && isSame(source, number)) return number;
    inexact = true;
    return rawJson(source);
  };
  const value = parseByHand(text, exactNumber, 'null');
  return inexact ? value : undefined;
}
