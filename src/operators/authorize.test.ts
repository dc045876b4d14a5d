import { expect, test } from 'vitest';

import { createSecret } from '../config/secret.ts';
import { createAuthorize } from './authorize.ts';

const request = (authorization?: string) => ({
  headers: authorization === undefined ? {} : { authorization },
});
const tokens = { admin: createSecret('sesame'), metrics: createSecret('gauges') };

test('knows the role of each token', () => {
  const roleOf = createAuthorize(tokens);
  expect(roleOf(request('Bearer sesame'))).toBe('admin');
  expect(roleOf(request('bearer  sesame '))).toBe('admin');
  expect(roleOf(request('Bearer gauges'))).toBe('metrics');
});

test('knows no other token', () => {
  const roleOf = createAuthorize(tokens);
  const wrong = [
    '',
    'sesame',
    'Bearer',
    'Bearer ',
    'Bearer sesamE',
    'Bearer sesame1',
    'Basic sesame',
  ];
  for (const authorization of [undefined, ...wrong, 'Bearer undefined', 'Bearer sesame gauges']) {
    expect(roleOf(request(authorization))).toBeUndefined();
  }
});

test('has no role for metrics without its own token', () => {
  const roleOf = createAuthorize({ admin: createSecret('sesame'), metrics: undefined });
  expect(roleOf(request('Bearer undefined'))).toBeUndefined();
  expect(roleOf(request('Bearer sesame'))).toBe('admin');
});
