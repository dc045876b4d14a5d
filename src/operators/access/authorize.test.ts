import { expect, test } from 'vitest';

import { hashOperatorToken, newOperatorToken } from '../../config/operators/operator-token.ts';
import { createSecret } from '../../config/secret.ts';
import { createAuthorize } from './authorize.ts';

const request = (authorization?: string) => ({
  headers: authorization === undefined ? {} : { authorization },
});
const tokens = { admin: createSecret('sesame'), metrics: createSecret('gauges') };
const ada = newOperatorToken();
const ben = newOperatorToken();
const entry = (name: string, role: 'viewer' | 'operator', token: string) => ({
  name,
  role,
  hash: hashOperatorToken(token),
});
const operators = [entry('ada', 'viewer', ada), entry('ben', 'operator', ben)];

test('knows the role of each token', () => {
  const { ownerOf } = createAuthorize(tokens, []);
  expect(ownerOf(request('Bearer sesame'))).toMatchObject({ name: 'admin', role: 'admin' });
  expect(ownerOf(request('bearer  sesame '))?.role).toBe('admin');
  expect(ownerOf(request('Bearer gauges'))).toMatchObject({ name: 'metrics', role: 'metrics' });
});

test('knows the operators by their tokens', () => {
  const { ownerOf } = createAuthorize(tokens, operators);
  expect(ownerOf(request(`Bearer ${ada}`))).toMatchObject({ name: 'ada', role: 'viewer' });
  expect(ownerOf(request(`bearer ${ben}`))).toMatchObject({ name: 'ben', role: 'operator' });
  expect(ownerOf(request(`Bearer ${newOperatorToken()}`))).toBeUndefined();
  expect(ownerOf(request(`Bearer ${hashOperatorToken(ada)}`))).toBeUndefined();
});

test('knows no other token', () => {
  const { ownerOf } = createAuthorize(tokens, operators);
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
    expect(ownerOf(request(authorization))).toBeUndefined();
  }
});

test('has no role for metrics without its own token', () => {
  const { ownerOf } = createAuthorize({ admin: createSecret('sesame'), metrics: undefined }, []);
  expect(ownerOf(request('Bearer undefined'))).toBeUndefined();
  expect(ownerOf(request('Bearer sesame'))?.role).toBe('admin');
});

test('a password whose hash is configured opens nothing', () => {
  const { ownerOf } = createAuthorize(tokens, [entry('eve', 'operator', 'hunter2')]);
  expect(ownerOf(request('Bearer hunter2'))).toBeUndefined();
});

test('an owner is current until the token is gone or has another role', () => {
  const { ownerOf, useOperators } = createAuthorize(tokens, operators);
  const owner = ownerOf(request(`Bearer ${ada}`))!;
  useOperators([...operators, entry('cleo', 'viewer', newOperatorToken())]);
  expect(owner.isCurrent()).toBe(true);
  useOperators([entry('ada', 'operator', ada)]);
  expect(owner.isCurrent()).toBe(false);
  useOperators([entry('ada', 'viewer', newOperatorToken())]);
  expect([owner.isCurrent(), ownerOf(request(`Bearer ${ada}`))]).toEqual([false, undefined]);
  expect(ownerOf(request('Bearer sesame'))!.isCurrent()).toBe(true);
});
