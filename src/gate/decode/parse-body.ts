import { ServiceError } from '../../errors.ts';
import type { JsonValue } from '../../event/json/json.ts';
import { brokenAt, parseJsonText } from '../../event/json/parse-json.ts';

/** Parses a JSON text. Throws a ServiceError `malformed_request` with the place of the error. */
export function parseJson(text: string): JsonValue {
  try {
    return parseJsonText(text);
  } catch (cause) {
    const why = faultIn(text, cause as Error);
    throw new ServiceError('malformed_request', `The body is not JSON: ${why}.`, { cause });
  }
}

/** V8 does not always name the place. A search for it costs 20 ns a character, so long texts have none. */
const searchedCharacters = 64 * 1024;

/** What senders write in place of JSON's own words. Other text may be personal data. */
const knownWords = /(?:-?Infinity|NaN|undefined|None|True|False|<!?[A-Za-z]{1,10}>?)/y;

/** The place, and what was found there: a known word or one character, and no more of the text. */
function faultIn(text: string, error: Error): string {
  const sent = /at position (\d+)/.exec(error.message)?.[1];
  const at =
    sent !== undefined
      ? Number(sent)
      : text.length <= searchedCharacters
        ? brokenAt(text)
        : undefined;
  if (at === undefined) {
    const found = /^Unexpected token '([^]{1,2}?)'/.exec(error.message)?.[1];
    return found === undefined
      ? 'it ends too early'
      : `it has ${JSON.stringify(found)} out of place`;
  }
  const place = placeIn(text, at);
  return at >= text.length ? `it ends too early, ${place}` : `found ${foundAt(text, at)} ${place}`;
}

/** A position in a text, for people. */
export function placeIn(text: string, at: number): string {
  const before = text.slice(0, at);
  const line = before.split('\n').length;
  const column = at - before.lastIndexOf('\n');
  return `at position ${at} (line ${line} column ${column})`;
}

function foundAt(text: string, at: number): string {
  // V8 and our reader both stop at the first letter of a word, or within one that begins as JSON's do.
  for (const from of [at - 1, at]) {
    knownWords.lastIndex = Math.max(0, from);
    const word = knownWords.exec(text)?.[0];
    if (word !== undefined) return word;
  }
  return JSON.stringify(String.fromCodePoint(text.codePointAt(at)!));
}
