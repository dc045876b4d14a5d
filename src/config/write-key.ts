import { createHash, randomBytes } from 'node:crypto';

/** A source is a token of a NATS subject and a metric label, hence the narrow alphabet. */
export const sourcePattern = /^[a-z0-9][a-z0-9_-]{0,63}$/;

/** The hash that `keys:` holds in place of a write key. */
export const keyHashPattern = /^sha256:[0-9a-f]{64}$/;

/** A glob on event names, in which `*` stands for any run of characters. */
export const eventGlobPattern = /^[a-z0-9_*]+$/;

/** A glob on sources, in the same form. */
export const sourceGlobPattern = /^[a-z0-9_*-]+$/;

/**
 * The form in which a write key is configured and looked up.
 *
 * A plain digest is enough: a key has 256 random bits, so it cannot be guessed and
 * needs no slow password hash. The gate computes this digest for every request.
 */
export function hashWriteKey(key: string): string {
  return `sha256:${createHash('sha256').update(key).digest('hex')}`;
}

/** Makes a write key: 256 random bits. It is shown once, and only its hash is kept. */
export function newWriteKey(): string {
  return `hg_${randomBytes(32).toString('base64url')}`;
}

const hashPrefix = 'sha256:';
const idDigits = 12;

/** An id of a write key, as `keyIdOf` makes it. */
export const keyIdPattern = /^[0-9a-f]{12}$/;

/**
 * The name of a write key wherever the key itself must not be shown: the first 12 digits of its
 * SHA-256. Whoever finds a key can compute its id, and revoke it.
 */
export function keyIdOf(hash: string): string {
  return hash.slice(hashPrefix.length, hashPrefix.length + idDigits);
}
