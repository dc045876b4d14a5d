import { rawJson } from './changed-properties.ts';
import type { JsonValue } from './json/json.ts';
import { mayEscapeNames, parseByHand } from './json/parse-json.ts';

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
 * The parsed JSON text, with numbers as written if a double would change them. Undefined if parsing
 * loses nothing. The result is only for `JSON.stringify`.
 *
 * Throws if the text is not JSON, or is nested too deeply (thousands of levels) for the stack.
 */
export function parseExactly(text: string): JsonValue | undefined {
  if (!mayBeInexact(text)) return undefined;
  let inexact = false;
  const exactNumber = (source: string): unknown => {
    const number = Number(source);
    // Above 2^53 the double alone does not show whether a whole number has these digits.
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
