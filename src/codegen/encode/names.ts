import { StartError } from '../errors.ts';

/** `order_completed` to `OrderCompleted`. Every other character separates words. */
export function pascalCase(name: string): string {
  return wordsOf(name)
    .map((word) => word[0]!.toUpperCase() + word.slice(1))
    .join('');
}

/** `order_completed` to `orderCompleted`. */
export function camelCase(name: string): string {
  const pascal = pascalCase(name);
  return pascal === '' ? '' : pascal[0]!.toLowerCase() + pascal.slice(1);
}

function wordsOf(name: string): string[] {
  return name.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
}

/** Records the owner of each name, so that a collision is an error. */
export class NameTable {
  readonly #owners = new Map<string, string>();
  readonly #language: string;

  constructor(language: string, reserved: readonly string[] = []) {
    this.#language = language;
    for (const name of reserved)
      this.#owners.set(name, 'a name that the generated file itself uses');
  }

  /**
   * `owner` is a phrase: `the event order_completed`. Throws a StartError if another owner has the
   * name.
   */
  take(name: string, owner: string): string {
    if (!/^[A-Za-z_]\w*$/.test(name)) {
      throw new StartError(`${owner} has a name that ${this.#language} cannot write: rename it.`);
    }
    const other = this.#owners.get(name);
    if (other !== undefined && other !== owner) {
      throw new StartError(
        `${owner} and ${other} would both be ${name} in ${this.#language}: rename one of them.`,
      );
    }
    this.#owners.set(name, owner);
    return name;
  }
}

/** The lines of a comment, without characters that would end it or be read as code. */
export function commentLines(notes: readonly string[]): string[] {
  return notes.flatMap((note) =>
    note
      .replaceAll('*/', '* /')
      .replaceAll('\\', '/')
      .split(/[\r\n\u2028\u2029]+/)
      .map((line) => line.replaceAll(/\p{C}/gu, ' ').trim())
      .filter((line) => line !== ''),
  );
}
