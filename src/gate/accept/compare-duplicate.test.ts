import { describe, expect, test } from 'vitest';

import { compareDuplicate } from './compare-duplicate.ts';

const verdict = {
  index: 0,
  idempotencyKey: '0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a00',
  eventId: '0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a01',
  status: 'duplicate',
  timestampMs: 0,
  schemaVersion: 0,
  sequence: 7,
  error: undefined,
  warnings: [],
} as const;

const stored = (members: string): string =>
  `{"eventId":"e","eventName":"order_completed","timestamp":"2026-03-01T12:00:00.000Z"${members}}`;

async function isReused(sent: string, first: string): Promise<boolean> {
  const compared = await compareDuplicate(
    () => Promise.resolve(stored(first)),
    stored(sent),
    verdict,
  );
  expect(compared.timestampMs).toBe(Date.UTC(2026, 2, 1, 12));
  return compared.warnings.some(({ code }) => code === 'idempotency_key_reused');
}

describe('a duplicate', () => {
  test.each([
    [',"properties":{"id":1}', ',"properties":{"id":2}'],
    // Doubles are equal here, and the numbers are not.
    [',"properties":{"id":9007199254740992}', ',"properties":{"id":9007199254740993}'],
    [',"properties":{"id":12345678901234567890}', ',"properties":{"id":12345678901234567891}'],
    [',"properties":{"a":[0.1]}', ',"properties":{"a":[0.10000000000000000001]}'],
    [',"properties":{"a":1e-400}', ',"properties":{"a":0}'],
    [',"context":{"id":9007199254740992}', ',"context":{"id":9007199254740993}'],
    [
      ',"properties":{"__proto__":9007199254740992}',
      ',"properties":{"__proto__":9007199254740993}',
    ],
    [',"properties":{"id":{"text":"1"}}', ',"properties":{"id":1.0e0}'],
    [',"occurredAt":"2026-03-01T12:00:00.123456Z"', ',"occurredAt":"2026-03-01T12:00:00.123457Z"'],
    [',"occurredAt":"2026-03-01T12:00:00.123Z"', ',"occurredAt":"2026-03-01T12:00:00.123456Z"'],
    [',"occurredAt":"2026-03-01T12:00:00.124456Z"', ',"occurredAt":"2026-03-01T12:00:00.123Z"'],
    [',"userId":"a"', ''],
  ])('%s has other content than %s', async (sent, first) => {
    expect(await isReused(sent, first)).toBe(true);
  });

  test.each([
    ['', ''],
    ['', ',"properties":{},"context":{}'],
    [',"properties":{"a":1,"b":2}', ',"properties":{"b":2,"a":1}'],
    [',"properties":{"a":-0}', ',"properties":{"a":0}'],
    [',"properties":{"a":1e2,"b":100.0}', ',"properties":{"a":100,"b":1.0E+2}'],
    [',"properties":{"a":12345678901234567890}', ',"properties":{"a":1.2345678901234567890e19}'],
    [',"properties":{"\\u0061":1}', ',"properties":{"a":1}'],
    // What an earlier version has stored of the same event.
    [',"occurredAt":"2026-03-01T12:00:00.123456Z"', ',"occurredAt":"2026-03-01T12:00:00.123Z"'],
  ])('%s has the content of %s', async (sent, first) => {
    expect(await isReused(sent, first)).toBe(false);
  });

  test.each([undefined, 'no JSON', '{}', '[]'])(
    'is no other where the first is %j',
    async (text) => {
      const compared = await compareDuplicate(() => Promise.resolve(text), stored(''), verdict);
      expect(compared).toBe(verdict);
    },
  );
});
