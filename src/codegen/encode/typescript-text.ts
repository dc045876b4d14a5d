import { Code } from './code.ts';
import { numeral, quoted, unicodeEscapes, visibleLines } from './source-text.ts';

/** A literal or a literal type. */
export function typescriptLiteral(value: string | number | boolean | null): Code {
  if (typeof value === 'number') return Code.trusted(numeral(value));
  return Code.trusted(typeof value === 'string' ? quoted(value, unicodeEscapes) : String(value));
}

/** The name of a member of an interface; in quotes if it is no identifier. */
export function typescriptMember(name: string): Code {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? Code.trusted(name) : typescriptLiteral(name);
}

/** A JSDoc comment with the line end after it; empty without notes. */
export function typescriptComment(notes: readonly string[]): Code {
  const lines = visibleLines(notes).map(commentText);
  if (lines.length === 0) return Code.trusted('');
  if (lines.length === 1) return Code.trusted(`/** ${lines[0]} */\n`);
  return Code.trusted(`/**\n${lines.map((line) => ` * ${line}\n`).join('')} */\n`);
}

/**
 * The text ends no comment and gives no orders: `@ts-ignore` and JSDoc tags become text, and so
 * does `//# sourceMappingURL`, which tools look for anywhere in a file.
 */
function commentText(line: string): string {
  return line
    .replaceAll('\\', '/')
    .replaceAll('*/', '* /')
    .replaceAll('/*', '/ *')
    .replaceAll(/(?<![\w.])@/g, '&#64;')
    .replaceAll(/\/(?=[#@&])/g, '/ ');
}
