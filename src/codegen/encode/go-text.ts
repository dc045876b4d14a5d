import { Code } from './code.ts';
import { pointEscape, quoted, visibleLines } from './source-text.ts';

/** An interpreted string literal. */
export function goLiteral(value: string): Code {
  return Code.trusted(quoted(value, pointEscape));
}

/** Line comments, each with its line end. */
export function goComment(notes: readonly string[]): Code {
  return Code.trusted(
    visibleLines(notes)
      .map((line) => `// ${commentText(line)}\n`)
      .join(''),
  );
}

/** All notes in the one line of a comment, after our own words. */
export function goCommentLine(notes: readonly string[]): Code {
  return goComment([visibleLines(notes).join(' ')]);
}

/** go vet refuses a file in which a comment begins with a build constraint. */
function commentText(line: string): string {
  return line.replaceAll('\\', '/').replace(/^\+build/, '+ build');
}

/**
 * Whether encoding/json takes a name from a struct tag. It ignores any other name without a word,
 * and writes the name of the field.
 */
export function isTagName(name: string): boolean {
  return /^[\w!#$%&()*+\-./:;<=>?@[\]^{|}~ ]+$/.test(name);
}

/** The tag of a field: a raw string, or an interpreted one if a backtick occurs. */
export function goTag(name: string, isOptional: boolean): Code {
  // "-" alone would leave the field out; "-," is the name "-".
  const suffix = isOptional ? ',omitempty' : name === '-' ? ',' : '';
  const tag = `json:${quoted(name + suffix, pointEscape)}`;
  return tag.includes('`') ? goLiteral(tag) : Code.trusted(`\`${tag}\``);
}
