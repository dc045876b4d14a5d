import { createHash } from 'node:crypto';

/** The namespace of the keys that `--make-keys` derives. Changing it would change every key. */
const namespaceBytes = Buffer.from('5f0b6d3e8c1a4e0f9a7d2b4c6e8f0a13', 'hex');

/**
 * An idempotency key for a line that has none: UUIDv5 (RFC 9562 §5.5) of its number and content, so
 * that the same file sent again is known line by line. Two equal lines are two events.
 */
export function makeKey(lineNumber: number, line: Buffer): string {
  const digest = createHash('sha1')
    .update(namespaceBytes)
    .update(`${lineNumber}:`)
    .update(line)
    .digest();
  digest[6] = (digest[6]! & 0x0f) | 0x50;
  digest[8] = (digest[8]! & 0x3f) | 0x80;
  const hex = digest.toString('hex', 0, 16);
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)];
  return [...parts, hex.slice(20)].join('-');
}
