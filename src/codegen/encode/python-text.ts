import { Code } from './code.ts';
import { numeral, pointEscape, quoted, visibleLines } from './source-text.ts';

const words = new Map<unknown, string>([
  [true, 'True'],
  [false, 'False'],
  [null, 'None'],
]);

export function pythonLiteral(value: string | number | boolean | null): Code {
  if (typeof value === 'number') return Code.trusted(numeral(value));
  return Code.trusted(words.get(value) ?? quoted(String(value), pointEscape));
}

/** Comments, each with its line end. `# type:` would be a statement for type checkers. */
export function pythonComment(notes: readonly string[]): Code {
  return Code.trusted(
    visibleLines(notes)
      .map(
        (line) => `# ${line.replaceAll('\\', '/').replace(/^(type|mypy|pyright)\s*:/, '$1 -')}\n`,
      )
      .join(''),
  );
}

/** A docstring of one line. It holds neither its own quotes nor a backslash. */
export function pythonDocstring(notes: readonly string[]): Code {
  const line = visibleLines(notes).join(' ').replaceAll('\\', '/').replaceAll('"', "'");
  return Code.trusted(`"""${line}"""`);
}
