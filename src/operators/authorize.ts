import { timingSafeEqual } from 'node:crypto';

import type { HttpCall } from '../http/http-call.ts';

/**
 * Checks whether a request sends the operators' token, as `Authorization: Bearer TOKEN`. If no
 * token is configured, every request passes. Compares tokens in constant time.
 */
export function createAuthorize(
  token: string | undefined,
): (request: Pick<HttpCall, 'headers'>) => boolean {
  if (token === undefined) return () => true;
  const wanted = Buffer.from(`Bearer ${token}`);
  return ({ headers }) => {
    const sent = Buffer.from(headers.authorization ?? '');
    return sent.length === wanted.length && timingSafeEqual(sent, wanted);
  };
}
