import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { eventIdOf, isUuid, messageIdOf } from './event-id.ts';

/** By Python: uuid.uuid5(uuid.UUID('9d1c0c5e-3b5d-4f7a-b1e2-8c6f4a7d2e90'), 'source:key'). */
const vectors = [
  ['default', '0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11', '948d79db-c445-5316-9235-5ab5b0e55aac'],
  ['checkout', '00000000-0000-0000-0000-000000000000', '78a1aa06-6193-5061-8371-9993640e514b'],
  ['a', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 'efa4e731-2419-5348-bd19-366b63e447fc'],
] as const;

describe('eventIdOf', () => {
  test.each(vectors)('is the UUIDv5 of source %s and key %s', (source, key, id) => {
    expect(eventIdOf(source, key)).toBe(id);
  });

  test('is the same however the key is written', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9-]{1,64}$/), fc.uuid(), (source, key) => {
        const id = eventIdOf(source, key);
        expect(eventIdOf(source, key.toUpperCase())).toBe(id);
        expect(messageIdOf(source, key.toUpperCase())).toBe(messageIdOf(source, key));
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      }),
    );
  });

  test('of a key that was looked at in between is the same', () => {
    const [key, other] = ['0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11', fc.sample(fc.uuid(), 1)[0]!];
    const id = eventIdOf('shop', key);
    for (const text of [other, other.replace(/.$/, 'x'), key.replace(/.$/, '-'), '']) {
      isUuid(text);
      expect(eventIdOf('shop', key)).toBe(id);
    }
  });

  test('of what is no UUID is refused', () => {
    expect(() => eventIdOf('shop', 'a')).toThrow('no UUID');
  });

  test('differs by source and by key, independent of earlier calls', () => {
    const key = '0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11';
    const long = eventIdOf('a'.repeat(64), key);
    const short = eventIdOf('a', key);
    expect(
      new Set([long, short, eventIdOf('b', key), eventIdOf('a', key.replace('0', '1'))]).size,
    ).toBe(4);
    expect(eventIdOf('a', key)).toBe(short);
    expect(eventIdOf('a'.repeat(64), key)).toBe(long);
  });
});

describe('isUuid', () => {
  test('accepts any version in either case, and nothing else', () => {
    fc.assert(fc.property(fc.uuid(), (uuid) => isUuid(uuid) && isUuid(uuid.toUpperCase())));
    const key = '0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11';
    for (const text of [
      '',
      `${key}\n`,
      ` ${key}`,
      `{${key}}`,
      key.replaceAll('-', ''),
      `urn:uuid:${key}`,
      key.replace('-', '0'),
      key.replace('0', '-'),
      key.replace('a', 'g'),
      key.replace('a', '\u0161'),
      key.replace('a', '\uff41'),
    ]) {
      expect(isUuid(text)).toBe(false);
    }
  });
});
