import type { IncomingHttpHeaders } from 'node:http';

import type { WriteKey } from '../../config/config.ts';
import { hashWriteKey } from '../../config/write-key.ts';
import { ServiceError } from '../../errors.ts';
import { canaryName } from '../../event/canary.ts';
import { compileEventGlobs } from '../../event/glob.ts';
import { isCrossSite, isFromBrowser, isLocalHost } from '../../http/same-site.ts';

/** Who sends: what a write key stands for. */
export interface Producer {
  readonly source: string;
  /** Whether this producer may send events of this name. */
  readonly maySend: (eventName: string) => boolean;
  /** It is the gate itself, and sends heartbeats. */
  readonly isCanary: boolean;
}

/** Finds out who sends from the headers of a request. Throws a ServiceError `unauthenticated`. */
export type Authenticate = (headers: IncomingHttpHeaders) => Producer;

/** The source of every event while `auth` is off. */
export const defaultSource = 'default';

/** How many digests of presented keys are remembered: a key is hashed once, not once a request. */
const rememberedMax = 10_000;

const canary: Producer = {
  source: canaryName,
  maySend: (eventName) => eventName === canaryName,
  isCanary: true,
};

/** `canaryKey` is what our own heartbeat shows; undefined: none is sent. */
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
  const producers = new Map<string, Producer>(
    keys.map((key) => [
      key.hash,
      {
        source: key.source,
        maySend: compileEventGlobs(key.events),
        isCanary: false,
      },
    ]),
  );
  if (canaryKey !== undefined) producers.set(hashWriteKey(canaryKey), canary);
  // Looked up by digest: what a comparison's time could tell is about the digest, not the key.
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
 * Without keys, whatever reaches the port may write, and a browser on this machine reaches it for any
 * page that it shows.
 */
function refuseBrowsers(headers: IncomingHttpHeaders): void {
  if (!isFromBrowser(headers) || (!isCrossSite(headers) && isLocalHost(headers))) return;
  throw new ServiceError(
    'cross_site_request',
    'A page in a browser sent this request. While auth is off, this gate takes requests of programs, ' +
      'and of a browser only those that a person sends to localhost or an IP address.',
  );
}

/** Bearer, Basic with the key as the user, or `x-write-key`; empty when there is none. */
export function presentedKey(headers: IncomingHttpHeaders): string {
  const direct = headers['x-write-key'];
  if (typeof direct === 'string') return direct.trim();
  const [scheme = '', value = ''] = (headers.authorization ?? '').trim().split(/\s+/, 2);
  if (/^bearer$/i.test(scheme)) return value;
  if (/^basic$/i.test(scheme))
    return Buffer.from(value, 'base64').toString('utf8').split(':', 1)[0]!;
  return '';
}
