import { JetStreamApiError } from '@nats-io/jetstream';
import { NoRespondersError, RequestError, TimeoutError } from '@nats-io/nats-core';
import { expect, test } from 'vitest';

import { retryWhileForming } from './retry-forming.ts';

const apiError = (code: number): Error =>
  new JetStreamApiError({ code: 503, err_code: code, description: 'as the server says' } as never);

const noResponders = new RequestError('no', { cause: new NoRespondersError('$JS.API.INFO') });

function failing(...failures: Error[]) {
  let calls = 0;
  const work = async (): Promise<string> => {
    const failure = failures[calls];
    calls += 1;
    if (failure !== undefined) throw failure;
    return 'done';
  };
  return { work, calls: () => calls };
}

test.each([
  ['no leader', apiError(10_008)],
  ['no peers', apiError(10_005)],
  ['a timeout', new TimeoutError()],
  ['no responders', noResponders],
  ['JetStream not enabled yet', new Error('jetstream is not enabled', { cause: noResponders })],
])('%s: tries again', async (_what, error) => {
  const { work, calls } = failing(error, error);
  expect(await retryWhileForming(work)).toBe('done');
  expect(calls()).toBe(3);
});

test.each([apiError(10_047), apiError(10_074), new Error('not permitted')])(
  '%s: fails at once',
  async (error) => {
    const { work, calls } = failing(error);
    await expect(retryWhileForming(work)).rejects.toBe(error);
    expect(calls()).toBe(1);
  },
);
