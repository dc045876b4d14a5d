import { createHash } from 'node:crypto';

/*
 * An event name where only some characters may stand. Every name of lower snake case is its own
 * token, byte for byte: streams, consumers and folders of earlier releases stay as they are. No two
 * names have the same token (docs/adr/0041-any-event-name.md).
 */

const plainToken = /^[A-Za-z0-9_-]+$/;
const escaped = /[^A-Za-z0-9_-]/gu;

/**
 * The name as one token of a NATS subject or of a bucket's key: letters, digits, `_` and `-` of ASCII
 * stay; of any other character each byte of its UTF-8 is `=` and two hex digits. `Order Completed` is
 * `Order=20Completed`.
 */
export function tokenOfName(name: string): string {
  return plainToken.test(name) ? name : name.replaceAll(escaped, escapedBytes);
}

/** The name that `tokenOfName` made the token of. */
export function nameOfToken(token: string): string {
  return token.includes('=') ? token.replaceAll(/(?:=[0-9a-f]{2})+/g, readBytes) : token;
}

function escapedBytes(character: string): string {
  let text = '';
  for (const byte of Buffer.from(character)) text += `=${byte.toString(16).padStart(2, '0')}`;
  return text;
}

function readBytes(escapes: string): string {
  // Not a TextDecoder: that drops U+FEFF at the beginning, which a name may hold.
  return Buffer.from(escapes.replaceAll('=', ''), 'hex').toString('utf8');
}

/** File systems allow 255 bytes, and a suffix such as `.html` needs some. */
const fileNameMax = 200;
const keptOfLongName = 160;
const hashDigits = 32;

/**
 * The name as the name of a file or folder. Some file systems take `Login` and `login` for the same
 * file, so that a capital letter is a `+` and its small letter: `Login` is `+login`. A name of more
 * than 200 characters after that keeps its beginning, and ends in a hash of all of it.
 */
export function fileNameOfName(name: string): string {
  const text = tokenOfName(name).replaceAll(/[A-Z]/g, (letter) => `+${letter.toLowerCase()}`);
  if (text.length <= fileNameMax) return text;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, hashDigits);
  return `${text.slice(0, keptOfLongName)}=h${hash}`;
}
