import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';

const prefix = 'whsec_';

/** Bounds of https://www.standardwebhooks.com: shorter is guessable, longer gains nothing. */
const keyBytesMin = 24;
const keyBytesMax = 64;

/** The sentence that says how to make a secret. */
export const secretForm =
  `it must be "${prefix}" and the base64 of ${keyBytesMin} to ${keyBytesMax} random bytes; ` +
  `make one with: echo "${prefix}$(openssl rand -base64 32)"`;

/**
 * The key in a `whsec_` secret. Undefined if the secret is not valid. It is made once: the text of a key
 * costs five times the signature.
 */
export function readSigningKey(secret: string): KeyObject | undefined {
  if (!secret.startsWith(prefix)) return undefined;
  const text = secret.slice(prefix.length);
  const key = Buffer.from(text, 'base64');
  // Node skips what is not base64; a receiver's library does not, and would use another key.
  if (key.toString('base64') !== text) return undefined;
  if (key.length < keyBytesMin || key.length > keyBytesMax) return undefined;
  return createSecretKey(key);
}

/** One attempt, as Standard Webhooks signs it. */
export interface SignedContent {
  readonly id: string;
  /** Of the attempt, in seconds: it changes with every retry, the id does not. */
  readonly timestampSeconds: number;
  /** The bytes that go over the wire: a receiver verifies these, not what they parse to. */
  readonly body: Uint8Array;
}

/** The value of `webhook-signature`: one signature for each key, so that keys can be rotated. */
export function signWebhook(keys: readonly KeyObject[], content: SignedContent): string {
  const head = `${content.id}.${content.timestampSeconds}.`;
  const sign = (key: KeyObject): string =>
    `v1,${createHmac('sha256', key).update(head).update(content.body).digest('base64')}`;
  return keys.map(sign).join(' ');
}
