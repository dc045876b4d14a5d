import { StartError } from '../../errors.ts';
import { tokenOfName } from '../../event/name/name-token.ts';
import { Code } from './code.ts';
import { shown } from './source-text.ts';

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

const plainName = /^[a-z][a-z0-9_]*$/;

/**
 * The words of an event's name in lower snake case, for names in code: `Order Completed` is
 * `order_completed`, and a name of lower snake case is itself. Several names may have the same words,
 * which a NameTable finds.
 */
export function wordsOfEvent(name: string): string {
  if (plainName.test(name)) return name;
  const ascii = name.normalize('NFKD').replaceAll(/\p{M}+/gu, '');
  const spaced = ascii.replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2');
  const words = wordsOf(spaced).join('_').toLowerCase() || tokenOfName(name).replaceAll('=', '');
  return /^[a-z]/.test(words) && plainName.test(words) ? words : `event_${words}`;
}

function wordsOf(name: string): string[] {
  return name.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
}

/**
 * An identifier that a NameTable has accepted. Throws a StartError for any other text. Keywords
 * count as identifiers here.
 */
export function identifier(name: string): Code {
  if (/^[A-Za-z_]\w*$/.test(name)) return Code.trusted(name);
  throw new StartError(`${shown(name)} cannot be a name in generated code: rename it.`);
}

/** Names of packages and modules: identifiers with dots between them. */
export function dottedName(name: string): Code {
  return Code.trusted(
    name
      .split('.')
      .map((part) => identifier(part).text)
      .join('.'),
  );
}

/** A whole number, such as a version. Throws a StartError beyond the 31 bits that Java has. */
export function wholeNumber(value: number): Code {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 31) return Code.trusted(String(value));
  throw new StartError(`The number ${value} cannot stand in generated code: use a smaller one.`);
}

/** Records the owner of each name, so that a collision is an error. */
export class NameTable {
  readonly #owners = new Map<string, string>();
  readonly #language: string;
  readonly #lengthMax: number;

  constructor(language: string, reserved: readonly string[] = [], lengthMax = Infinity) {
    this.#language = language;
    this.#lengthMax = lengthMax;
    for (const name of reserved)
      this.#owners.set(name, 'a name that the generated file itself uses');
  }

  /**
   * `owner` is a phrase: `the event order_completed`. Throws a StartError if another owner has the
   * name.
   */
  take(name: string, owner: string): Code {
    if (!/^(?!_+$)[A-Za-z_]\w*$/.test(name)) {
      throw new StartError(`${owner} has a name that ${this.#language} cannot write: rename it.`);
    }
    if (name.length > this.#lengthMax) {
      throw new StartError(
        `${owner} would have a name of more than ${this.#lengthMax} characters in ${this.#language}: use shorter names.`,
      );
    }
    const other = this.#owners.get(name);
    if (other !== undefined && other !== owner) {
      throw new StartError(
        `${owner} and ${other} would both be ${name} in ${this.#language}: rename one of them.`,
      );
    }
    this.#owners.set(name, owner);
    return identifier(name);
  }
}
