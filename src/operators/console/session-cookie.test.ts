import { expect, test } from 'vitest';

import { sessionCookie, sessionSecretOf } from './session-cookie.ts';

test.each([
  [undefined, undefined],
  ['', undefined],
  ['headgate_session_8081=abc', 'abc'],
  ['theme=dark; headgate_session_8081=abc; other=1', 'abc'],
  ['xheadgate_session_8081=abc', undefined],
  ['headgate_session_8081', undefined],
  ['headgate_session_8081=', ''],
  ['headgate_session_8081=a; headgate_session_8081=b', undefined],
  ['headgate_session_8081=a;headgate_session_8081=a', undefined],
  // Those of other gates on this host.
  ['headgate_session_8082=b; headgate_session_8081=a; headgate_session=c', 'a'],
  ['headgate_session_80811=b', undefined],
])('of the cookies %j the secret is %j', (cookie, secret) => {
  expect(sessionSecretOf({ host: 'localhost:8081', cookie })).toBe(secret);
});

test.each([
  [{ host: 'gate.example' }, 'headgate_session'],
  [{ host: '[::1]' }, 'headgate_session'],
  [{ host: '[::1]:8081' }, 'headgate_session_8081'],
  [{ ':authority': 'gate.example:8443' }, 'headgate_session_8443'],
  [{ host: 'gate.example:8081; Domain=example' }, 'headgate_session'],
  [{}, 'headgate_session'],
])('for %j its name is %s', (headers, name) => {
  expect(sessionCookie(headers, 'abc', false)).toBe(
    `${name}=abc; Path=/; HttpOnly; SameSite=Strict`,
  );
});

test('scripts and other sites never have it', () => {
  const headers = { host: 'localhost:8081' };
  const rest = 'Path=/; HttpOnly; SameSite=Strict';
  expect(sessionCookie(headers, 'abc', true)).toBe(`headgate_session_8081=abc; ${rest}; Secure`);
  expect(sessionCookie(headers, '', false)).toBe(`headgate_session_8081=; ${rest}; Max-Age=0`);
  const byProxy = { ...headers, origin: 'https://console.example' };
  expect(sessionCookie(byProxy, 'abc', false)).toBe(`headgate_session_8081=abc; ${rest}; Secure`);
  const plain = { ...headers, origin: 'http://localhost:8081' };
  expect(sessionCookie(plain, 'abc', false)).toBe(`headgate_session_8081=abc; ${rest}`);
});
