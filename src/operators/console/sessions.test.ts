import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { TokenOwner } from '../access/authorize.ts';
import { createSessions } from './sessions.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const limits = { idleMs: 1_000, lifetimeMs: 5_000, ofOperatorMax: 3, allMax: 5 };

function operator(name: string): TokenOwner & { current: boolean } {
  const owner = { name, role: 'viewer' as const, current: true, isCurrent: () => owner.current };
  return owner;
}

test('a secret of 256 bits opens its session, and nothing else does', () => {
  const sessions = createSessions(limits);
  const { secret, session } = sessions.open(operator('ada'));
  expect(Buffer.from(secret, 'base64url')).toHaveLength(32);
  expect(session.expiresAtMs).toBe(Date.now() + limits.lifetimeMs);
  expect(sessions.find(secret)!.owner).toMatchObject({ name: 'ada', role: 'viewer' });
  for (const other of ['', secret.slice(1), `${secret}=`, 'A'.repeat(43), 'x'.repeat(100_000)]) {
    expect(sessions.find(other)).toBeUndefined();
  }
  expect(sessions.open(operator('ada')).secret).not.toBe(secret);
});

test('it ends when it was idle for too long, and use keeps it open', () => {
  const sessions = createSessions(limits);
  const { secret } = sessions.open(operator('ada'));
  vi.advanceTimersByTime(999);
  expect(sessions.find(secret)).toBeDefined();
  vi.advanceTimersByTime(999);
  expect(sessions.find(secret)).toBeDefined();
  vi.advanceTimersByTime(1_000);
  expect(sessions.find(secret)).toBeUndefined();
});

test('it ends after its lifetime, however often it is used', () => {
  const sessions = createSessions(limits);
  const { secret } = sessions.open(operator('ada'));
  const { owner } = sessions.find(secret)!;
  for (let spent = 0; spent < 4_500; spent += 500) {
    vi.advanceTimersByTime(500);
    expect(sessions.find(secret)).toBeDefined();
  }
  expect(owner.isCurrent()).toBe(true);
  vi.advanceTimersByTime(500);
  expect(owner.isCurrent()).toBe(false);
  expect(sessions.find(secret)).toBeUndefined();
});

test('it ends with the token of its operator, and with a sign-out', () => {
  const sessions = createSessions(limits);
  const ada = operator('ada');
  const { secret } = sessions.open(ada);
  const { owner } = sessions.find(secret)!;
  ada.current = false;
  expect(owner.isCurrent()).toBe(false);
  expect(sessions.find(secret)).toBeUndefined();
  ada.current = true;
  const second = sessions.open(ada);
  const running = sessions.find(second.secret)!.owner;
  sessions.end(second.secret);
  expect([sessions.find(second.secret), running.isCurrent()]).toEqual([undefined, false]);
});

test('an operator has so many, and one more ends the one that was idle longest', () => {
  const sessions = createSessions(limits);
  const ada = operator('ada');
  const [first, second, third] = [1, 2, 3].map(() => sessions.open(ada).secret);
  expect(sessions.countOf('ada')).toBe(3);
  sessions.find(first!);
  const fourth = sessions.open(ada).secret;
  expect(sessions.countOf('ada')).toBe(3);
  expect(sessions.find(second!)).toBeUndefined();
  for (const kept of [first, third, fourth]) expect(sessions.find(kept!)).toBeDefined();
});

test('all operators together have so many', () => {
  const sessions = createSessions(limits);
  const secrets = ['a', 'b', 'c', 'd', 'e'].map((name) => sessions.open(operator(name)).secret);
  expect(sessions.find(secrets[0]!)).toBeDefined();
  sessions.open(operator('f'));
  expect(secrets.map((secret) => sessions.find(secret) !== undefined)).toEqual([
    true,
    false,
    true,
    true,
    true,
  ]);
});
