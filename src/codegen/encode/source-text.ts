import { StartError } from '../../errors.ts';

/** Controls, format characters (bidi), surrogates, unassigned and invisible ones, line separators. */
const unseen = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/**
 * The lines of notes as a reader sees them: without empty lines and without characters that end a
 * line, reverse it or cannot be seen. The text still needs the encoder of its language.
 */
export function visibleLines(notes: readonly string[]): string[] {
  return notes.flatMap((note) =>
    note
      .split(/[\n\v\f\r\u0085\u2028\u2029]+/)
      .map((line) => line.replaceAll(unseen, ' ').trim())
      .filter((line) => line !== ''),
  );
}

/** Escapes that all four languages share. */
const shortEscapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

/**
 * A string literal between double quotes, in printable ASCII alone: it means the same whatever the
 * encoding of the file, and no character of it can reorder or hide the code around it. `escape`
 * writes a code point for which the languages differ. Throws a StartError for half of a surrogate
 * pair, which no event can hold.
 */
export function quoted(text: string, escape: (point: number) => string): string {
  if (!text.isWellFormed()) {
    throw new StartError(
      `${shown(text)} holds half of a surrogate pair, which no event can hold: write the whole character.`,
    );
  }
  const characters = Array.from(text, (character) => {
    const short = shortEscapes[character];
    if (short !== undefined) return short;
    return /[ -~]/.test(character) ? character : escape(character.codePointAt(0)!);
  });
  return `"${characters.join('')}"`;
}

/** `\u202e` for a code unit, in four digits. */
export function unicodeEscape(unit: number): string {
  return `\\u${hex(unit, 4)}`;
}

/** The code units of a character: two for one beyond U+FFFF. */
export function unicodeEscapes(point: number): string {
  const text = String.fromCodePoint(point);
  return Array.from({ length: text.length }, (_, at) => unicodeEscape(text.charCodeAt(at))).join(
    '',
  );
}

/** `\u202e` or `\U0001f600`: one escape for a code point, as Go and Python write it. */
export function pointEscape(point: number): string {
  return point > 0xffff ? `\\U${hex(point, 8)}` : unicodeEscape(point);
}

/** A text as error messages show it: one line of printable ASCII, shortened. */
export function shown(text: string): string {
  const start = text.length > 60 ? `${text.slice(0, 60)}...` : text;
  return JSON.stringify(start).replaceAll(/[^ -~]/g, (unit) => unicodeEscape(unit.charCodeAt(0)));
}

/** The name of a property in an error message: as it is, or quoted if it is unusual. */
export function shownName(name: string): string {
  return /^[!-~]{1,60}$/.test(name) ? name : shown(name);
}

/** A number of a schema, in digits that every language reads. Throws a StartError for infinity. */
export function numeral(value: number): string {
  if (Number.isInteger(value)) return String(BigInt(value));
  if (Number.isFinite(value)) return JSON.stringify(value);
  throw new StartError('A number of an enum or const is beyond the range of a double: change it.');
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
