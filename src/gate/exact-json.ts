import { ServiceError } from '../errors.ts';
import type { JsonValue } from '../event/json.ts';
import { mayEscapeNames, parseByHand, parseJsonText } from '../event/parse-json.ts';

/**
 * A number that a double may not hold: sixteen characters and more, or an exponent. Numbers stand
 * after a colon, a comma or a bracket, which keeps the digits of ids out of it (a text that is a
 * number alone is no event). A text without a match, which is nearly every one, is not walked again.
 */
const suspicious = /[:,[]\s*-?\d(?:[\d.]{15}|[\d.]*[eE])/;

/** Parses a JSON text. Throws a ServiceError `malformed_request` that tells where it breaks. */
export function parseJson(text: string): JsonValue {
  try {
    return parseJsonText(text);
  } catch (cause) {
    throw new ServiceError('malformed_request', `The body is not JSON: ${placeOf(cause as Error)}.`, {
      cause,
    });
  }
}

/** V8 quotes the text around the fault, which may be personal data: only the place is told. */
function placeOf(error: Error): string {
  return /at position \d+(?: \(line \d+ column \d+\))?/.exec(error.message)?.[0] ?? 'it ends too early';
}

/**
 * The same text with its numbers as they were written, for those that a double would change;
 * undefined where parsing loses nothing. The result is for `JSON.stringify` alone.
 *
 * Throws a ServiceError `malformed_request` when it nests so deep (thousands of levels) that walking
 * it takes more stack than there is.
 */
export function parseExactly(text: string): JsonValue | undefined {
  if (!suspicious.test(text)) return undefined;
  let inexact = false;
  const exactNumber = (source: string): unknown => {
    const number = Number(source);
    if (String(number) === source) return number;
    inexact = true;
    return rawJson(source);
  };
  const revive = (_name: string, member: unknown, context?: { source?: string }): unknown =>
    typeof member === 'number' && context?.source !== undefined
      ? exactNumber(context.source)
      : member;
  try {
    const value = mayEscapeNames(text)
      ? parseByHand(text, exactNumber)
      : (JSON.parse(text, revive) as JsonValue);
    return inexact ? value : undefined;
  } catch (cause) {
    throw new ServiceError('malformed_request', 'The body nests too deep.', { cause });
  }
}

/** ECMAScript's "JSON.parse source text access", which the types do not know yet. */
function rawJson(text: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(text);
}
