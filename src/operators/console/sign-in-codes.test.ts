import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { TokenOwner } from '../access/authorize.ts';
import { codeMsMax, codesMax, createSignInCodes } from './sign-in-codes.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const admin: TokenOwner = { name: 'admin', role: 'admin', isCurrent: () => true };

test('a code works once', () => {
  const codes = createSignInCodes();
  const code = codes.make(admin);
  expect(Buffer.from(code, 'base64url')).toHaveLength(32);
  expect(codes.take(`${code}x`)).toBeUndefined();
  expect(codes.take(code)).toBe(admin);
  expect(codes.take(code)).toBeUndefined();
});

test('a code works for ten minutes', () => {
  const codes = createSignInCodes();
  const [early, late] = [codes.make(admin), codes.make(admin)];
  vi.advanceTimersByTime(codeMsMax - 1);
  expect(codes.take(early)).toBe(admin);
  vi.advanceTimersByTime(1);
  expect(codes.take(late)).toBeUndefined();
});

test('ten are kept, and one more takes the place of the oldest', () => {
  const codes = createSignInCodes();
  const made = Array.from({ length: codesMax + 1 }, () => codes.make(admin));
  expect(made.map((code) => codes.take(code) !== undefined)).toEqual([
    false,
    ...Array.from({ length: codesMax }, () => true),
  ]);
});

test('a code is worth nothing once its owner has lost the token', () => {
  const codes = createSignInCodes();
  expect(codes.take(codes.make({ ...admin, isCurrent: () => false }))).toBeUndefined();
});
