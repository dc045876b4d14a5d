import { StartError } from '../../errors.ts';
import { Code } from './code.ts';
import { quoted, shown, unicodeEscapes, visibleLines } from './source-text.ts';

/** A constant of a class file has a length of 16 bits. */
const literalBytesMax = 65_535;

/**
 * Java reads Unicode escapes before anything else: an escaped quote would end the literal. Below
 * U+0100, where such characters are, an octal escape is written instead.
 */
export function javaLiteral(value: string): Code {
  if (value.length * 3 > literalBytesMax && Buffer.byteLength(value) > literalBytesMax) {
    throw new StartError(
      `${shown(value)} is longer than a string of Java (${literalBytesMax} bytes): shorten it.`,
    );
  }
  return Code.trusted(quoted(value, javaEscape));
}

function javaEscape(point: number): string {
  if (point > 0xff) return unicodeEscapes(point);
  return `\\${point.toString(8).padStart(3, '0')}`;
}

/** A Javadoc comment with the line end after it; empty without notes. */
export function javaComment(notes: readonly string[]): Code {
  const lines = visibleLines(notes).map(commentText);
  if (lines.length === 0) return Code.trusted('');
  if (lines.length === 1) return Code.trusted(`/** ${lines[0]} */\n`);
  return Code.trusted(`/**\n${lines.map((line) => ` * ${line}\n`).join('')} */\n`);
}

/**
 * Javadoc is HTML: what would end the comment, be a tag or be a Unicode escape is an entity. So is
 * all that is not ASCII, because javac reads files in the encoding of the machine.
 */
function commentText(line: string): string {
  return line.replaceAll(
    /[&<>@\\]|[^ -~]|(?<=\/)\*|\*(?=\/)/gu,
    (character) => `&#${character.codePointAt(0)};`,
  );
}
