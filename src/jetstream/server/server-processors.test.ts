import { availableParallelism } from 'node:os';

import { expect, test } from 'vitest';

import { serverProcessors } from './server-processors.ts';

test.each([
  [1, '1'],
  [2, '1'],
  [3, '1'],
  [4, '2'],
  [64, '32'],
])('of %d processors the server uses %s', (processors, used) => {
  const env = { PATH: '/bin', GOMAXPROCS: '' };
  expect(serverProcessors(env, processors)).toEqual({ PATH: '/bin', GOMAXPROCS: used });
});

test('the number of the operator stays', () => {
  expect(serverProcessors({ GOMAXPROCS: '6' }, 4)['GOMAXPROCS']).toBe('6');
});

test('knows the processors of this machine', () => {
  const used = Number(serverProcessors({})['GOMAXPROCS']);
  expect(used).toBeGreaterThanOrEqual(1);
  expect(used).toBeLessThanOrEqual(availableParallelism());
});
