import { expect, test } from 'vitest';

import { sessionCookie, sessionSecretOf } from './session-cookie.ts';

test.each([
  [undefined, undefined],
  ['', undefined],
  ['headgate_session=abc', 'abc'],
  ['theme=dark; headgate_session=abc; other=1', 'abc'],
  ['xheadgate_session=abc', undefined],
  ['headgate_session', undefined],
  ['headgate_session=', ''],
  ['headgate_session=a; headgate_session=b', undefined],
  ['headgate_session=a;headgate_session=a', undefined],
])('of the cookies %j the secret is %j', (cookie, secret) => {
  expect(sessionSecretOf({ cookie })).toBe(secret);
});

test('scripts and other sites never have it', () => {
  expect(sessionCookie('abc', false)).toBe(
    'headgate_session=abc; Path=/; HttpOnly; SameSite=Strict',
  );
  expect(sessionCookie('abc', true)).toBe(
    'headgate_session=abc; Path=/; HttpOnly; SameSite=Strict; Secure',
  );
  expect(sessionCookie('', false)).toBe(
    'headgate_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0',
  );
});
