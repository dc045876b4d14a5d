import { randomFillSync } from 'node:crypto';

const poolBytes = 16 * 256;
const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Two lower-case digits for each byte. */
const hex: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
);

let pool: Buffer | undefined;
let used = poolBytes;

/**
 * Returns a UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds, then 74 random bits. Random bytes are
 * drawn for 256 keys at once, because one draw costs several times as much as the rest of a key.
 */
export function createIdempotencyKey(nowMs: number = Date.now()): string {
  pool ??= Buffer.allocUnsafeSlow(poolBytes);
  if (used === poolBytes) {
    randomFillSync(pool);
    used = 0;
  }
  const at = used;
  used += 16;
  const time = nowMs.toString(16).padStart(12, '0');
  return (
    `${time.slice(0, 8)}-${time.slice(8)}-7${hex[pool[at + 6]!]![1]}${hex[pool[at + 7]!]}` +
    `-${hex[(pool[at + 8]! & 0x3f) | 0x80]}${hex[pool[at + 9]!]}` +
    `-${hex[pool[at + 10]!]}${hex[pool[at + 11]!]}${hex[pool[at + 12]!]}` +
    `${hex[pool[at + 13]!]}${hex[pool[at + 14]!]}${hex[pool[at + 15]!]}`
  );
}

/** True for a UUID of any version, which is what the gate requires. */
export function isIdempotencyKey(text: string): boolean {
  return uuidForm.test(text);
}
