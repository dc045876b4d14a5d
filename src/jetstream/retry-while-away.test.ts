import { TimeoutError } from '@nats-io/nats-core';
import { expect, test } from 'vitest';

import { retryWhileAway } from './retry-while-away.ts';

const options = { onRetry: () => {}, isStopping: () => false };

test('a request that got no answer is sent again, and reported', async () => {
  const failures: unknown[] = [];
  let calls = 0;
  const request = (): Promise<string> => {
    calls += 1;
    return calls < 3 ? Promise.reject(new TimeoutError()) : Promise.resolve('answer');
  };
  const answer = retryWhileAway(request, { ...options, onRetry: (error) => failures.push(error) });
  await expect(answer).resolves.toBe('answer');
  expect(failures).toHaveLength(2);
});

test('an answer that is an error is final, and so is every failure while stopping', async () => {
  let calls = 0;
  const fail = (error: Error) => (): Promise<never> => {
    calls += 1;
    return Promise.reject(error);
  };
  await expect(retryWhileAway(fail(new Error('not allowed')), options)).rejects.toThrow('not');
  const stopping = { ...options, isStopping: () => true };
  await expect(retryWhileAway(fail(new TimeoutError()), stopping)).rejects.toThrow(TimeoutError);
  expect(calls).toBe(2);
});
