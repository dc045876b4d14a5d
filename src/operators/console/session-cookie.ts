import type { IncomingHttpHeaders } from 'node:http';

import { authorityOf } from '../../http/request-target.ts';

/**
 * The name of the cookie. Browsers send a cookie to every port of a host, so that the name has the port by which
 * the browser reaches this one: the consoles of two gates on one host do not sign each other out.
 */
function cookieNameOf(headers: IncomingHttpHeaders): string {
  const port = /:(\d{1,5})$/.exec(authorityOf(headers) ?? '')?.[1];
  return port === undefined ? 'headgate_session' : `headgate_session_${port}`;
}

/**
 * The secret of the session that a browser sends. Undefined without one, and if there are several: a
 * page of a neighbouring host name can add a second one, and which of them is ours is not known.
 */
export function sessionSecretOf(headers: IncomingHttpHeaders): string | undefined {
  const { cookie } = headers;
  if (cookie === undefined) return undefined;
  const start = `${cookieNameOf(headers)}=`;
  const found = cookie
    .split(';')
    .map((each) => each.trim())
    .filter((each) => each.startsWith(start))
    .map((each) => each.slice(start.length));
  return found.length === 1 ? found[0] : undefined;
}

/**
 * The `Set-Cookie` of a session: scripts cannot read it, and the browser sends it with no request of
 * another site. An empty secret deletes it. It is kept until the browser ends; the service ends it sooner. A page
 * that a proxy serves by TLS says so in `Origin`: its cookie is `Secure`, whatever this port has.
 *
 * @param headers of the request that it answers.
 */
export function sessionCookie(
  headers: IncomingHttpHeaders,
  secret: string,
  isSecure: boolean,
): string {
  const parts = [`${cookieNameOf(headers)}=${secret}`, 'Path=/', 'HttpOnly', 'SameSite=Strict'];
  if (secret === '') parts.push('Max-Age=0');
  if (isSecure || headers.origin?.startsWith('https://') === true) parts.push('Secure');
  return parts.join('; ');
}
