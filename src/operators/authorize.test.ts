import { expect, test } from 'vitest';

import { createAuthorize } from './authorize.ts';

const request = (authorization?: string) => ({
  headers: authorization === undefined ? {} : { authorization },
});

test('without a token every request passes', () => {
  const isAuthorized = createAuthorize(undefined);
  expect(isAuthorized(request())).toBe(true);
  expect(isAuthorized(request('Bearer anything'))).toBe(true);
});

test('with a token only requests with that token pass', () => {
  const isAuthorized = createAuthorize('sesame');
  expect(isAuthorized(request('Bearer sesame'))).toBe(true);
  for (const wrong of [undefined, '', 'sesame', 'Bearer ', 'Bearer sesamE', 'Bearer sesame1']) {
    expect(isAuthorized(request(wrong))).toBe(false);
  }
});
