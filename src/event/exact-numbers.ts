import { rawJson } from './changed-properties.ts';
import type { JsonValue } from './json/json.ts';
import { mayEscapeNames, parseByHand } from './json/parse-json.ts';

/**
 * A number that a double may not hold: sixteen characters and more, or an exponent. Numbers stand
 * after a colon, a comma or a bracket, which keeps the digits of ids out of it (a text that is a
 * number alone is no event). A text without a match, which is nearly every one, is not walked again.
 */
const suspicious = /[:,[]\s*-?\d(?:[\d.]{15}|[\d.]*[eE])/;

/**
 * A JSON text with its numbers as they were written, for those that a double would change; undefined
 * if parsing loses nothing. The result is for `JSON.stringify` alone.
 *
 * Throws where it is no JSON, or nests so deep (thousands of levels) that walking it takes more stack
 * than there is.
 */
export function parseExactly(text: string): JsonValue | undefined {
  if (!suspicious.test(text)) return undefined;
  let inexact = false;
  const exactNumber = (source: string): unknown => {
    const number = Number(source);
    // Of a whole number beyond 2^53 the double alone does not say whether these are its digits.
    const isCertain = Number.isSafeInteger(number) || !Number.isInteger(number);
    if (isCertain && String(number) === source) return number;
    inexact = true;
    return rawJson(source);
  };
  const revive = (_name: string, member: unknown, context?: { source?: string }): unknown =>
    typeof member === 'number' && context?.source !== undefined
      ? exactNumber(context.source)
      : member;
  const value = mayEscapeNames(text)
    ? parseByHand(text, exactNumber)
    : (JSON.parse(text, revive) as JsonValue);
  return inexact ? value : undefined;
}
