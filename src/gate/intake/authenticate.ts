import type { IncomingHttpHeaders } from 'node:http';

import type { WriteKey } from '../../config/config.ts';
import { hashWriteKey, limitsBySource, type SourceLimits } from '../../config/write-key.ts';
import { ServiceError } from '../../errors.ts';
import { canaryName } from '../../event/canary.ts';
import { compileEventGlobs } from '../../event/glob.ts';
import { isCrossSite, isFromBrowser, isLocalHost } from '../../http/same-site.ts';

/** The sender that a write key identifies. */
export interface Producer {
  readonly source: string;
  /** Whether this producer may send events of this name. */
  readonly maySend: (eventName: string) => boolean;
  /** True for the heartbeats of the gate itself. */
  readonly isCanary: boolean;
  /** Of its source, with all of its keys. Undefined: none. */
  readonly limits?: SourceLimits | undefined;
}

/** Identifies the sender from the headers of a request. Throws a ServiceError `unauthenticated`. */
export type Authenticate = (headers: IncomingHttpHeaders) => Producer;

/** The source of every event while `auth` is off. */
export const defaultSource = 'default';

/** How many keys are cached, so that a key is hashed once and not for every request. */
const rememberedMax = 10_000;

const canary: Producer = {
  source: canaryName,
  maySend: (eventName) => eventName === canaryName,
  isCanary: true,
};

/** `canaryKey` is the key of our own heartbeats. Undefined if none are sent. */
export function createAuthenticate(
  auth: 'off' | 'keys',
  keys: readonly WriteKey[],
  canaryKey?: string,
): Authenticate {
  if (auth === 'off') {
    const anyone: Producer = { source: defaultSource, maySend: () => true, isCanary: false };
    return (headers) => {
      refuseBrowsers(headers);
      return canaryKey !== undefined && headers['x-write-key'] === canaryKey ? canary : anyone;
    };
  }
  const limits = limitsBySource(keys);
  const producers = new Map<string, Producer>(
    keys.map((key) => [
      key.hash,
      {
        source: key.source,
        maySend: compileEventGlobs(key.events),
        isCanary: false,
        limits: limits.get(key.source),
      },
    ]),
  );
  if (canaryKey !== undefined) producers.set(hashWriteKey(canaryKey), canary);
  // Keys are looked up by digest, so the time of a comparison reveals nothing about the key.
  const remembered = new Map<string, Producer>();
  return (headers) => {
    const key = presentedKey(headers);
    const known = remembered.get(key);
    if (known !== undefined) return known;
    const producer = key === '' ? undefined : producers.get(hashWriteKey(key));
    if (producer === undefined) {
      throw new ServiceError(
        'unauthenticated',
        key === ''
          ? 'There is no write key in the request. Send it as "Authorization: Bearer KEY" or "x-write-key: KEY".'
          : 'The write key is not one that this gate knows. "npx headgate keys new" makes one.',
      );
    }
    if (remembered.size < rememberedMax) remembered.set(key, producer);
    return producer;
  };
}

/**
 * Without keys, everything that reaches the port may write. A browser on this machine reaches it on
 * behalf of any page that it shows.
 */
function refuseBrowsers(headers: IncomingHttpHeaders): void {
  if (!isFromBrowser(headers) || (!isCrossSite(headers) && isLocalHost(headers))) return;
  throw new ServiceError(
    'cross_site_request',
    'A page in a browser sent this request. While auth is off, this gate takes requests of programs, ' +
      'and of a browser only those that a person sends to localhost or an IP address.',
  );
}

/** Bearer, Basic with the key as the user, or `x-write-key`. Empty without a key. */
export function presentedKey(headers: IncomingHttpHeaders): string {
  const direct = headers['x-write-key'];
  if (typeof direct === 'string') return direct.trim();
  const [scheme = '', value = ''] = (headers.authorization ?? '').trim().split(/\s+/, 2);
  if (/^bearer$/i.test(scheme)) return value;
  if (/^basic$/i.test(scheme))
    return Buffer.from(value, 'base64').toString('utf8').split(':', 1)[0]!;
  return '';
}
