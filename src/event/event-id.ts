import { createHash } from 'node:crypto';

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** The namespace under which Headgate derives its event ids. Changing it would change every id. */
const namespaceBytes = Buffer.from('9d1c0c5e3b5d4f7ab1e28c6f4a7d2e90', 'hex');

export function isUuid(text: string): boolean {
  return uuidPattern.test(text);
}

/**
 * The id of an event: UUIDv5 (RFC 9562 §5.5) of source and idempotency key, so that every retry of
 * an event has the same id everywhere. The key's case does not matter.
 */
export function eventIdOf(source: string, idempotencyKey: string): string {
  const digest = createHash('sha1')
    .update(namespaceBytes)
    .update(`${source}:${idempotencyKey.toLowerCase()}`)
    .digest();
  digest[6] = (digest[6]! & 0x0f) | 0x50;
  digest[8] = (digest[8]! & 0x3f) | 0x80;
  const hex = digest.toString('hex', 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The id by which the log refuses a second copy: `<source>:<idempotency key>`. */
export function messageIdOf(source: string, idempotencyKey: string): string {
  return `${source}:${idempotencyKey.toLowerCase()}`;
}
