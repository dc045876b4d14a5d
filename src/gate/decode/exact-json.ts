import { ServiceError } from '../../errors.ts';
import { parseExactly as parseNumbersExactly } from '../../event/exact-numbers.ts';
import type { JsonValue } from '../../event/json/json.ts';
import { parseJsonText } from '../../event/json/parse-json.ts';

/** Parses a JSON text. Throws a ServiceError `malformed_request` with the place of the error. */
export function parseJson(text: string): JsonValue {
  try {
    return parseJsonText(text);
  } catch (cause) {
    throw new ServiceError(
      'malformed_request',
      `The body is not JSON: ${positionOf(cause as Error)}.`,
      {
        cause,
      },
    );
  }
}

/** V8 quotes the text around the fault, which may be personal data: only the place is reported. */
function positionOf(error: Error): string {
  return (
    /at position \d+(?: \(line \d+ column \d+\))?/.exec(error.message)?.[0] ?? 'it ends too early'
  );
}

/**
 * The same text with its numbers as they were written (event/exact-numbers.ts); undefined where
 * parsing loses nothing. Throws a ServiceError `malformed_request` when it nests too deep.
 */
export function parseExactly(text: string): JsonValue | undefined {
  try {
    return parseNumbersExactly(text);
  } catch (cause) {
    throw new ServiceError('malformed_request', 'The body nests too deep.', { cause });
  }
}
