import { timingSafeEqual } from 'node:crypto';

import type { HttpCall } from '../http/http-call.ts';

/**
 * Whether a request shows the operators' token, as `Authorization: Bearer TOKEN`. Without a token
 * every request may pass. Tokens are compared in constant time.
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
