import { createHash } from 'node:crypto';

/** A source is a token of a NATS subject and a metric label, hence the narrow alphabet. */
export const sourcePattern = /^[a-z0-9][a-z0-9_-]{0,63}$/;

/** What `keys:` holds in place of a write key. */
export const keyHashPattern = /^sha256:[0-9a-f]{64}$/;

/** A glob on event names, in which `*` stands for any run of characters. */
export const eventGlobPattern = /^[a-z0-9_*]+$/;

/** The same on sources. */
export const sourceGlobPattern = /^[a-z0-9_*-]+$/;

/**
 * The form in which a write key is configured and looked up.
 *
 * A plain digest is enough: a key has 256 random bits, so there is nothing to guess that a slow
 * password hash would protect, and the gate computes this on every request.
 */
export function hashWriteKey(key: string): string {
  return `sha256:${createHash('sha256').update(key).digest('hex')}`;
}
