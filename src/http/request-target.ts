import type { IncomingHttpHeaders } from 'node:http';

/* The forms of a request target beside the usual path: RFC 9112 §3.2, and what senders make of a base URL. */

/** The host of a request, with its port: `:authority`, else `Host`. */
export function authorityOf(headers: IncomingHttpHeaders): string | undefined {
  return (headers[':authority'] as string | undefined) ?? headers.host;
}

const defaultPort = /:(?:80|443)$/;

/** Whether two authorities name one host: in any case, with or without a default port. */
export function isSameAuthority(one: string, other: string): boolean {
  if (one === other) return true;
  const plain = (text: string): string => text.toLowerCase().replace(defaultPort, '');
  return plain(one) === plain(other);
}

const absoluteForm = /^https?:\/\/[^/?#]*/i;

/**
 * The path of a target without its query: of `http://host/v1/track`, `//v1/track` and `/v1/track/`
 * it is `/v1/track`. `*` stays as it is.
 */
export function plainPath(target: string): string {
  const path = withoutRepeats(target);
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

/**
 * As `plainPath`, for a server that has paths with a slash at their end: returns the form of the
 * path that is known. If none is, returns the path as it was sent.
 */
export function findPath(target: string, isKnown: (path: string) => boolean): string {
  const path = withoutRepeats(target);
  if (isKnown(path)) return path;
  const plain = plainPath(path);
  if (isKnown(plain)) return plain;
  const ended = `${plain}/`;
  if (isKnown(ended)) return ended;
  // Health and reflection have no list of paths.
  return plain.startsWith('/grpc.') ? plain : target;
}

/** The authority of an absolute target is ignored, as `Host` is. */
function withoutRepeats(target: string): string {
  const path = target.startsWith('/') ? target : target.replace(absoluteForm, '');
  const rooted = path === '' ? '/' : path;
  return rooted.includes('//') ? rooted.replaceAll(/\/{2,}/g, '/') : rooted;
}
