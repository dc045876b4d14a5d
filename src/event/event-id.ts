import { hash } from 'node:crypto';

import { nine, zero } from './json/json-codes.ts';

/** The namespace under which Headgate derives its event ids. Changing it would change every id. */
const namespaceBytes = Buffer.from('9d1c0c5e3b5d4f7ab1e28c6f4a7d2e90', 'hex');

/** The form of a UUID: a hyphen, or 0 where a hex digit stands. */
const uuidForm = Buffer.from('00000000-0000-0000-0000-000000000000').map((byte) =>
  byte === 0x2d ? byte : 0,
);

/** Hex digits by their character, in lower case; 0 for any other character. */
const hexDigits = new Uint8Array(128);
for (const digit of Buffer.from('0123456789abcdef')) hexDigits[digit] = digit;
for (const digit of Buffer.from('ABCDEF')) hexDigits[digit] = digit | 0x20;

/** What an event id is the digest of: the namespace, a source, a colon and a key, which begins at `keyAt`. */
const scratch = Buffer.alloc(256);
const keyAt = scratch.length - uuidForm.length;

/** The UUID in `scratch`: an idempotency key is looked at for its form, and then for its id. */
let scratchUuid = '';

export function isUuid(text: string): boolean {
  if (text.length !== uuidForm.length) return false;
  if (text === scratchUuid) return true;
  scratchUuid = '';
  for (let at = 0; at < uuidForm.length; at += 1) {
    const code = text.charCodeAt(at);
    const hyphen = uuidForm[at]!;
    const written = hyphen === 0 && code < hexDigits.length ? hexDigits[code]! : hyphen;
    if (written === 0 || (hyphen !== 0 && code !== hyphen)) return false;
    scratch[keyAt + at] = written;
  }
  scratchUuid = text;
  return true;
}

/** The source in `scratch`, and the view from the namespace to the key: making one costs a fifth of the digest. */
let scratchSource: string | undefined;
let scratchView = scratch;

function writeSource(source: string): void {
  const start = keyAt - namespaceBytes.length - source.length - 1;
  if (start < 0) throw new RangeError('a source is too long');
  namespaceBytes.copy(scratch, start);
  scratch.write(`${source}:`, start + namespaceBytes.length, 'latin1');
  scratchSource = source;
  scratchView = scratch.subarray(start);
}

/** The two bits of RFC 9562's variant before the first hex digit of the fourth group. */
const variantDigits = '89ab89ab89ab89ab';
const letterA = 0x61;

/**
 * The id of an event: UUIDv5 (RFC 9562 §5.5) of source and idempotency key, so that every retry of
 * an event has the same id everywhere. The key's case does not matter; both are ASCII.
 */
export function eventIdOf(source: string, idempotencyKey: string): string {
  if (!isUuid(idempotencyKey)) throw new TypeError('an idempotency key is no UUID');
  if (source !== scratchSource) writeSource(source);
  return uuidOfHash(hash('sha1', scratchView, 'hex'));
}

function uuidOfHash(hex: string): string {
  const code = hex.charCodeAt(16);
  const variant = variantDigits[code <= nine ? code - zero : code - letterA + 10]!;
  return (
    `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}` +
    `-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
  );
}

/**
 * The namespace for ids of other systems that become idempotency keys. Changing it would change
 * every key.
 */
const vendorNamespace = Buffer.from('5b0c6f4e0a7d5f3a9c2e417d86b1f035', 'hex');

/**
 * The idempotency key of an id of another system: the id itself if it is a UUID, else the UUIDv5 of
 * the system's name and the id, so that the same id always gives the same key.
 */
export function idempotencyKeyOf(system: string, id: string): string {
  if (isUuid(id)) return id;
  const name = Buffer.from(`${system}:${id}`);
  return uuidOfHash(hash('sha1', Buffer.concat([vendorNamespace, name]), 'hex'));
}

/** The id by which the log refuses a second copy: `<source>:<idempotency key>`. */
export function messageIdOf(source: string, idempotencyKey: string): string {
  return `${source}:${idempotencyKey.toLowerCase()}`;
}
