import { expect, test } from 'vitest';

import { createIdempotencyKey, isIdempotencyKey } from './idempotency-key.ts';

test('a key is a UUIDv7 that begins with its timestamp', () => {
  const key = createIdempotencyKey(0x0190_b5f0_7c4e);
  expect(key).toMatch(/^0190b5f0-7c4e-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(isIdempotencyKey(key)).toBe(true);
});

test('keys differ, also across refills of the random bytes', () => {
  const keys = Array.from({ length: 2_000 }, () => createIdempotencyKey(1));
  expect(new Set(keys).size).toBe(keys.length);
});

test('only a UUID is a valid key', () => {
  for (const text of ['', 'a', createIdempotencyKey().slice(1), `${createIdempotencyKey()}0`]) {
    expect(isIdempotencyKey(text)).toBe(false);
  }
});
