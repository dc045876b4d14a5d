import type { IncomingHttpHeaders } from 'node:http';

const cookieName = 'headgate_session';

/**
 * The secret of the session that a browser sends. Undefined without one, and if there are several: a
 * page of a neighbouring host name can add a second one, and which of them is ours is not known.
 */
export function sessionSecretOf({ cookie }: IncomingHttpHeaders): string | undefined {
  if (cookie === undefined) return undefined;
  const found = cookie
    .split(';')
    .map((each) => each.trim())
    .filter((each) => each.startsWith(`${cookieName}=`))
    .map((each) => each.slice(cookieName.length + 1));
  return found.length === 1 ? found[0] : undefined;
}

/**
 * The `Set-Cookie` of a session: scripts cannot read it, and the browser sends it with no request of
 * another site. An empty secret deletes it. It is kept until the browser ends; the service ends it sooner.
 */
export function sessionCookie(secret: string, isSecure: boolean): string {
  const parts = [`${cookieName}=${secret}`, 'Path=/', 'HttpOnly', 'SameSite=Strict'];
  if (secret === '') parts.push('Max-Age=0');
  if (isSecure) parts.push('Secure');
  return parts.join('; ');
}
