import { ServiceError } from '../errors.ts';
import type { JsonValue } from '../event/json.ts';

/**
 * Numbers that a double may not hold: sixteen digits and more in a row, or an exponent of three. A
 * test of the whole text, so that the slow way is taken for requests that may need it alone.
 */
const suspicious = /\d{16}|\d\.\d{14}|[eE][+-]?\d{2}/;

/** Parses a JSON text. Throws a ServiceError `malformed_request` that tells where it breaks. */
export function parseJson(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
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
 */
export function parseExactly(text: string): JsonValue | undefined {
  if (!suspicious.test(text)) return undefined;
  let inexact = false;
  const revive = (_name: string, member: unknown, context?: { source?: string }): unknown => {
    if (typeof member !== 'number' || context?.source === undefined) return member;
    if (String(member) === context.source) return member;
    inexact = true;
    return rawJson(context.source);
  };
  const value = JSON.parse(text, revive) as JsonValue;
  return inexact ? value : undefined;
}

/** ECMAScript's "JSON.parse source text access", which the types do not know yet. */
function rawJson(text: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(text);
}
