import type { IncomingHttpHeaders } from 'node:http';

import type { WriteKey } from '../../config/config.ts';
import { hashWriteKey } from '../../config/write-key.ts';
import { ServiceError } from '../../errors.ts';
import { canaryName } from '../../event/canary.ts';
import { isCrossSite, isFromBrowser, isLocalHost } from '../../http/same-site.ts';
import { createKeyRing, type HeldKey, type KeyRing } from './keys/key-ring.ts';
import type { Producer } from './keys/producer.ts';

export type { Producer } from './keys/producer.ts';

/** Identifies the sender from the headers of a request. Throws a ServiceError `unauthenticated`. */
export type Authenticate = (headers: IncomingHttpHeaders) => Producer;

/** The source of every event while `auth` is off, unless the setting `source` says another. */
export const defaultSource = 'default';

const canary: Producer = {
  source: canaryName,
  maySend: (eventName) => eventName === canaryName,
  isCanary: true,
};

/**
 * `canaryKey` is the key of our own heartbeats. Undefined if none are sent. `source`: of every event while
 * `auth` is off.
 */
export function createAuthenticate(
  auth: 'off' | 'keys',
  keys: KeyRing | readonly WriteKey[],
  canaryKey?: string,
  source: string = defaultSource,
): Authenticate {
  if (auth === 'off') {
    const anyone: Producer = { source, maySend: () => true, isCanary: false };
    return (headers) => {
      refuseBrowsers(headers);
      return canaryKey !== undefined && headers['x-write-key'] === canaryKey ? canary : anyone;
    };
  }
  const ring = isRing(keys) ? keys : createKeyRing(keys);
  const canaryHash = canaryKey === undefined ? undefined : hashWriteKey(canaryKey);
  return (headers) => {
    const key = presentedKey(headers);
    const held = ring.find(key);
    // The clock is read for keys that end, and for no other.
    if (held !== undefined && (held.endsAtMs === Infinity || Date.now() < held.endsAtMs)) {
      held.isUsed = true;
      return held.producer;
    }
    // By digest, so that the time of a comparison reveals nothing about the key.
    if (canaryHash !== undefined && hashWriteKey(key) === canaryHash) return canary;
    throw new ServiceError('unauthenticated', refusalOf(key, held));
  };
}

function isRing(keys: KeyRing | readonly WriteKey[]): keys is KeyRing {
  return !Array.isArray(keys);
}

/** Only a caller who has the key learns that it has ended. */
function refusalOf(key: string, held: HeldKey | undefined): string {
  if (key === '') {
    return 'There is no write key in the request. Send it as "Authorization: Bearer KEY" or "x-write-key: KEY".';
  }
  if (held === undefined) {
    return 'The write key is not one that this gate knows. "npx headgate keys new" makes one.';
  }
  const { revokedAtMs, endsAtMs } = held;
  const ended = revokedAtMs === undefined ? 'expired' : 'was revoked';
  const at = new Date(revokedAtMs ?? endsAtMs).toISOString();
  return `This write key ${ended} at ${at}. Ask the operators of this gate for another one.`;
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
