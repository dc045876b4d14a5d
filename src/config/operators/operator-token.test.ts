import { expect, test } from 'vitest';

import { hashOperatorToken, isOperatorToken, newOperatorToken } from './operator-token.ts';

test('a token that was made is one, at any letter that changes it is not', () => {
  const token = newOperatorToken();
  expect(isOperatorToken(token)).toBe(true);
  for (let at = 0; at < token.length; at += 1) {
    const changed = `${token.slice(0, at)}${token[at] === 'a' ? 'b' : 'a'}${token.slice(at + 1)}`;
    expect([changed, isOperatorToken(changed)]).toEqual([changed, false]);
  }
});

test('has 256 random bits: 43 letters of base64url', () => {
  expect(newOperatorToken()).toMatch(/^hgo_[A-Za-z0-9_-]{43}[0-9a-f]{8}$/);
  const made = new Set(Array.from({ length: 1000 }, newOperatorToken));
  expect(made.size).toBe(1000);
});

test.each(['', 'hunter2', 'correct horse battery staple', `hgo_${'a'.repeat(51)}`, 'hg_abc'])(
  'a password is none: %j',
  (password) => {
    expect(isOperatorToken(password)).toBe(false);
  },
);

test('its hash is sha256: and the hex digest', () => {
  expect(hashOperatorToken('abc')).toBe(
    'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});
