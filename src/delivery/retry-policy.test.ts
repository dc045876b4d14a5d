import { assert, double, integer, property, record } from 'fast-check';
import { describe, expect, test } from 'vitest';

import { retryDelayMs, retryDelayMsMax } from './retry-policy.ts';

const policies = record({
  attempts: integer({ min: 1, max: 100 }),
  baseMs: integer({ min: 1, max: 3_600_000 }),
  capMs: integer({ min: 1, max: 86_400_000 }),
}).filter(({ baseMs, capMs }) => baseMs <= capMs);
const attempts = integer({ min: 1, max: 10_000 });
const randoms = double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('retryDelayMs', () => {
  test('stays between the delay that the destination requested and the bound', () => {
    const notBefore = integer({ min: 0, max: 100_000_000 });
    assert(
      property(policies, attempts, notBefore, randoms, (policy, attempt, least, random) => {
        const delay = retryDelayMs(policy, attempt, least, random);
        expect(Number.isSafeInteger(delay)).toBe(true);
        expect(delay).toBeGreaterThanOrEqual(least);
        expect(delay).toBeLessThanOrEqual(Math.max(least, retryDelayMsMax(policy, attempt)));
      }),
    );
  });

  test('the bound never decreases with the attempts, and never exceeds the cap', () => {
    assert(
      property(policies, attempts, (policy, attempt) => {
        const bound = retryDelayMsMax(policy, attempt);
        expect(bound).toBeLessThanOrEqual(policy.capMs);
        expect(retryDelayMsMax(policy, attempt + 1)).toBeGreaterThanOrEqual(bound);
      }),
    );
  });

  test('doubles from the base: 1, 2, 4, 8 s', () => {
    const policy = { attempts: 5, baseMs: 1_000, capMs: 6_000 };
    expect([1, 2, 3, 4].map((attempt) => retryDelayMsMax(policy, attempt))).toEqual([
      1_000, 2_000, 4_000, 6_000,
    ]);
    expect(retryDelayMs(policy, 3, 0, 0.999_999)).toBe(4_000);
    expect(retryDelayMs(policy, 3, 0, 0)).toBe(0);
    expect(retryDelayMs(policy, 1, 9_000.5, 0.5)).toBe(9_001);
  });
});
