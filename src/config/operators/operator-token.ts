import { createHash, randomBytes } from 'node:crypto';

/*
 * A token of a named operator: a prefix that secret scanners can find, 256 random bits, and a checksum.
 * A hash does not show how good its token is, so only tokens of this form are looked up: `operators`
 * cannot contain a password that a person chose.
 */

const prefix = 'hgo_';
const randomBytesCount = 32;
const form = /^hgo_([A-Za-z0-9_-]{43})([0-9a-f]{8})$/;

/** Makes a token. Show it once; configure its hash. */
export function newOperatorToken(): string {
  const random = randomBytes(randomBytesCount).toString('base64url');
  return `${prefix}${random}${checksumOf(random)}`;
}

/** Whether `newOperatorToken` can have made the token. */
export function isOperatorToken(token: string): boolean {
  const [, random, checksum] = form.exec(token) ?? [];
  return random !== undefined && checksumOf(random) === checksum;
}

/** The form in which a token is configured and looked up. 256 random bits need no slow hash. */
export function hashOperatorToken(token: string): string {
  return `sha256:${createHash('sha256').update(token).digest('hex')}`;
}

function checksumOf(random: string): string {
  return createHash('sha256').update(`${prefix}${random}`).digest('hex').slice(0, 8);
}
