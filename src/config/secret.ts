import { inspect } from 'node:util';

/** A value that must not be shown: `String()`, JSON and `util.inspect` show `***`. */
export interface Secret {
  readonly reveal: () => string;
}

/** Shown everywhere in place of a secret. */
export const mask = '***';

/** The private field keeps the value out of JSON, `inspect` with hidden keys, and spreading. */
class SecretText implements Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  readonly reveal = (): string => this.#value;

  toString(): string {
    return mask;
  }

  toJSON(): string {
    return mask;
  }

  [inspect.custom](): string {
    return mask;
  }
}

/** Wraps a value so that only `reveal()` shows it. */
export function createSecret(value: string): Secret {
  return new SecretText(value);
}

/** True if `createSecret` made the value. */
export function isSecret(value: unknown): value is Secret {
  return value instanceof SecretText;
}
