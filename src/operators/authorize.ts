import { createHash, timingSafeEqual } from 'node:crypto';

import type { HttpCall } from '../http/http-call.ts';
import type { OperatorTokens } from './token-files.ts';

/** What a token opens: `metrics` is `/metrics` alone, `admin` everything. */
export type OperatorRole = 'admin' | 'metrics';

/**
 * The role of the token that a request shows as `Authorization: Bearer TOKEN`. Undefined without a
 * token, and with one that is not known. Tokens are compared in constant time.
 */
export function createAuthorize(
  tokens: OperatorTokens,
): (request: Pick<HttpCall, 'headers'>) => OperatorRole | undefined {
  const admin = digestOf(tokens.admin.reveal());
  const metrics = tokens.metrics && digestOf(tokens.metrics.reveal());
  return ({ headers }) => {
    const [, token] = /^bearer +(\S+) *$/i.exec(headers.authorization ?? '') ?? [];
    if (token === undefined) return undefined;
    const sent = digestOf(token);
    if (timingSafeEqual(sent, admin)) return 'admin';
    return metrics !== undefined && timingSafeEqual(sent, metrics) ? 'metrics' : undefined;
  };
}

/** Of equal length for every token, as the comparison needs it. */
function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
