import { createHash, randomBytes } from 'node:crypto';

import type { TokenOwner } from '../access/authorize.ts';

/** Codes of links by which a person signs in once, without typing a token. */
export interface SignInCodes {
  /** Makes a code for an operator. */
  make(owner: TokenOwner): string;
  /** Uses a code up. Undefined if it was used, is too old, or never was. */
  take(code: string): TokenOwner | undefined;
}

/** From the terminal to the browser, also of a person who first reads what the terminal says. */
export const codeMsMax = 10 * 60_000;

/** The oldest makes room. */
export const codesMax = 10;

const codeBytes = 32;

export function createSignInCodes(): SignInCodes {
  const made = new Map<string, { readonly owner: TokenOwner; readonly madeMs: number }>();
  return {
    make: (owner) => {
      const [oldest] = made.keys();
      if (made.size >= codesMax) made.delete(oldest!);
      const code = randomBytes(codeBytes).toString('base64url');
      made.set(digestOf(code), { owner, madeMs: performance.now() });
      return code;
    },
    take: (code) => {
      const digest = digestOf(code);
      const found = made.get(digest);
      made.delete(digest);
      const isFresh = found !== undefined && performance.now() - found.madeMs < codeMsMax;
      return isFresh && found.owner.isCurrent() ? found.owner : undefined;
    },
  };
}

function digestOf(code: string): string {
  return createHash('sha256').update(code).digest('base64url');
}
