import { describe, expect, test } from 'vitest';

import { isExpiringInUse, stateOf } from './key-state.ts';

const now = Date.parse('2027-06-30T12:00:00Z');
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

test.each([
  [{}, 'in_force'],
  [{ expiresAtMs: now + 1 }, 'in_force'],
  [{ expiresAtMs: now }, 'expired'],
  [{ expiresAtMs: now - 1, revokedAtMs: now }, 'revoked'],
  [{ revokedAtMs: now + 1 }, 'revoked'],
])('%j is %s', (key, state) => {
  expect(stateOf(key, now)).toBe(state);
});

describe('a key that ends soon and is in use', () => {
  const used = now - 2 * hourMs;
  test.each([
    ['ends in 14 days', now + 14 * dayMs, used, false, true],
    ['ends later', now + 14 * dayMs + 1, used, false, false],
    ['has no end', undefined, used, false, false],
    ['has ended', now, used, false, false],
    ['was used two weeks ago', now + dayMs, now - 14 * dayMs, false, true],
    ['was used before that', now + dayMs, now - 14 * dayMs - 1, false, false],
    ['was never used', now + dayMs, undefined, false, false],
    ['was replaced, and used an hour ago', now + dayMs, now - hourMs, true, true],
    ['was replaced, and used before that', now + dayMs, used, true, false],
  ])('%s', (_what, expiresAtMs, lastUsedAtMs, isReplaced, expected) => {
    expect(isExpiringInUse({ expiresAtMs }, lastUsedAtMs, isReplaced, now)).toBe(expected);
  });
});
