import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { withDeadline } from './deadline.ts';

describe('withDeadline', () => {
  test('waits as long as the caller does', async () => {
    const late = withDeadline(() => sleep(1000, 'late', { ref: false }), 20);
    await expect(late).rejects.toMatchObject({ code: 'deadline_exceeded' });
    expect(await withDeadline(() => sleep(5, 'in time'), 1000)).toBe('in time');
    expect(await withDeadline(async () => 'no deadline', undefined)).toBe('no deadline');
  });

  test('takes the longest time that gRPC can say, which no timer of Node can', async () => {
    expect(await withDeadline(() => sleep(5, 'done'), 99_999_999 * 3_600_000)).toBe('done');
  });

  test.each([0, -1, 0.000_001])('begins nothing when %d ms are left', async (timeoutMs) => {
    let begun = false;
    const answer = withDeadline(async () => (begun = true), timeoutMs);
    await expect(answer).rejects.toMatchObject({ code: 'deadline_exceeded' });
    expect(begun).toBe(false);
  });

  test('hands on what the work throws', async () => {
    const answer = withDeadline(() => Promise.reject(new TypeError('a bug')), 1000);
    await expect(answer).rejects.toThrow('a bug');
  });
});
