import { createHash, timingSafeEqual } from 'node:crypto';

import type { OperatorEntry, OperatorRole } from '../../config/operators/operator-entry.ts';
import { hashOperatorToken, isOperatorToken } from '../../config/operators/operator-token.ts';
import type { HttpCall } from '../../http/http-call.ts';
import type { OperatorTokens } from '../token-files.ts';

/** The owner of a token. */
export interface TokenOwner {
  readonly name: string;
  readonly role: OperatorRole;
  /** Whether the token still has this owner and role. */
  readonly isCurrent: () => boolean;
}

export interface Authorize {
  /**
   * The owner of the token that a request shows as `Authorization: Bearer TOKEN`. Undefined without a
   * token, and with one that is not known.
   */
  ownerOf(request: Pick<HttpCall, 'headers'>): TokenOwner | undefined;
  /** The owner of a token. Undefined if it is not known. */
  ownerOfToken(token: string): TokenOwner | undefined;
  /** The owner of the token of `admin`, for whoever runs the service. */
  readonly admin: TokenOwner;
  /** The named operators in force. */
  readonly operators: () => readonly OperatorEntry[];
  /** Replaces the named operators. The tokens of `admin` stay. */
  useOperators(entries: readonly OperatorEntry[]): void;
}

/** The tokens of `admin` are compared in constant time, the others are looked up by their digests. */
export function createAuthorize(
  tokens: OperatorTokens,
  operators: readonly OperatorEntry[],
): Authorize {
  const admin = builtInToken('admin', tokens.admin);
  const builtIn = [
    admin,
    ...(tokens.metrics === undefined ? [] : [builtInToken('metrics', tokens.metrics)]),
  ];
  let byHash = new Map<string, OperatorEntry>();
  const useOperators = (entries: readonly OperatorEntry[]): void => {
    byHash = new Map(entries.map((entry) => [entry.hash, entry]));
  };
  useOperators(operators);
  const ownerOfToken = (token: string): TokenOwner | undefined => {
    const sent = digestOf(token);
    const found = builtIn.find(({ digest }) => timingSafeEqual(sent, digest));
    if (found !== undefined) return found.owner;
    const entry = isOperatorToken(token) ? byHash.get(hashOperatorToken(token)) : undefined;
    if (entry === undefined) return undefined;
    const { name, role, hash } = entry;
    const isCurrent = (): boolean => {
      const current = byHash.get(hash);
      return current?.name === name && current.role === role;
    };
    return { name, role, isCurrent };
  };
  return {
    useOperators,
    admin: admin.owner,
    operators: () => [...byHash.values()],
    ownerOfToken,
    ownerOf: ({ headers }) => {
      const [, token] = /^bearer +(\S+) *$/i.exec(headers.authorization ?? '') ?? [];
      return token === undefined ? undefined : ownerOfToken(token);
    },
  };
}

/** The name of such a token is its role. */
function builtInToken(role: 'admin' | 'metrics', token: OperatorTokens['admin']) {
  const owner: TokenOwner = { name: role, role, isCurrent: () => true };
  return { digest: digestOf(token.reveal()), owner };
}

/** Of equal length for every token, as the comparison needs it. */
function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
