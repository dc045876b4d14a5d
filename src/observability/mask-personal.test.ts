import { expect, test } from 'vitest';

import { maskPersonal } from './mask-personal.ts';

test.each([
  ['Key (email)=(ann.lee+x@shop.example.com) exists', 'Key (email)=(***@***) exists'],
  ['connect postgres://app:hunter2@db.example/x', 'connect postgres://***@db.example/x'],
  ['sent Authorization: Bearer abcdefgh12345678', 'sent Authorization: Bearer ***'],
  ['with hg_Zm9vYmFyYmF6cXV4 refused', 'with hg_*** refused'],
  ['got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln', 'got ***'],
  ['/v1?api_key=abc123&x=1 and token=t0k', '/v1?api_key=***&x=1 and token=***'],
])('%s', (line, shown) => {
  expect(maskPersonal(line)).toBe(shown);
});

test('keeps text without personal data', () => {
  const line =
    '{"err":"node_modules/@nats-io/core@3.4.0/lib.js:1:2","at":"2026-01-01T00:00:00.000Z","url":"nats://127.0.0.1:4222"}';
  expect(maskPersonal(line)).toBe(line);
});

test('keeps JSON valid, wherever in a line the text is', () => {
  const value = { error: 'said "Bearer abcdefgh12345678"\n to a@b.example', key: 'password=x\\"y' };
  expect(() => JSON.parse(maskPersonal(JSON.stringify(value))) as unknown).not.toThrow();
});

// Unbounded patterns need minutes for this, and the test would time out.
test('masks a line of a mebibyte quickly', () => {
  const line = `${'a.'.repeat(512 * 1024)}@ :// = hg_ eyJ`;
  expect(maskPersonal(line)).toHaveLength(line.length);
});
