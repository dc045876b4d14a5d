/*
 * Generated code is put together from `Code`, never from plain text. Text of a schema can become
 * `Code` only through the encoders of this folder: one for each language and context. The template
 * tag takes nothing else, so that a forgotten encoder is an error of the compiler, and an exception
 * if the compiler was not asked.
 */

/** A part of a generated file that is safe in its place. */
export class Code {
  readonly #text: string;

  private constructor(text: string) {
    this.#text = text;
  }

  /** For the encoders of this folder alone; a test holds that. */
  static trusted(text: string): Code {
    return new Code(text);
  }

  get text(): string {
    return this.#text;
  }

  get isEmpty(): boolean {
    return this.#text === '';
  }

  /** A plain template would drop the type: an error, not a way out. */
  toString(): never {
    throw new TypeError('Code belongs in a template that is tagged with code.');
  }
}

/**
 * Joins the literal parts of the template, which are our own, with encoded values. Throws a
 * TypeError for any value that is not `Code`.
 */
export function code(literals: TemplateStringsArray, ...values: readonly Code[]): Code {
  const parts = literals.flatMap((literal, index) =>
    index === 0 ? [literal] : [textOf(values[index - 1]), literal],
  );
  return Code.trusted(parts.join(''));
}

/** Separators are literals of ours, so that no text of a schema can be one. */
type Separator = '' | ' ' | ', ' | ' | ' | ',\n' | '\n' | '\n\n' | '\n\n\n';

export function joined(parts: readonly Code[], separator: Separator): Code {
  return Code.trusted(parts.map(textOf).join(separator));
}

/** Indents each line that is not empty. No literal may span lines. */
export function indented(part: Code, indent: '  ' | '    ' | '\t'): Code {
  const lines = textOf(part).split('\n');
  return Code.trusted(lines.map((line) => (line === '' ? '' : indent + line)).join('\n'));
}

function textOf(value: unknown): string {
  if (value instanceof Code) return value.text;
  throw new TypeError('Only Code may be part of generated code: encode the value first.');
}
