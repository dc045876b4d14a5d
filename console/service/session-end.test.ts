import { Code, ConnectError } from '@connectrpc/connect';
import { expect, test, vi } from 'vitest';

import { stopAtSessionEnd } from './session-end.ts';

type Next = Parameters<ReturnType<typeof stopAtSessionEnd>>[0];
const request = {} as Parameters<Next>[0];

function callerOf(answer: () => Promise<unknown>) {
  const onEnd = vi.fn<() => void>();
  const next = vi.fn<() => Promise<unknown>>(answer);
  const call = stopAtSessionEnd(onEnd)(next as unknown as Next);
  return { call: () => call(request), next, onEnd };
}

test('after the end of a session nothing is asked any more, and it is said once', async () => {
  const { call, next, onEnd } = callerOf(() =>
    Promise.reject(new ConnectError('who are you?', Code.Unauthenticated)),
  );
  const together = await Promise.allSettled([call(), call()]);
  expect(together.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await expect(call()).rejects.toMatchObject({ code: Code.Unauthenticated });
  expect(next).toHaveBeenCalledTimes(2);
  expect(onEnd).toHaveBeenCalledTimes(1);
});

test.each([Code.Unavailable, Code.PermissionDenied, Code.NotFound])(
  'an answer with code %i ends no session',
  async (code) => {
    const { call, next, onEnd } = callerOf(() => Promise.reject(new ConnectError('no', code)));
    await expect(call()).rejects.toMatchObject({ code });
    await expect(call()).rejects.toMatchObject({ code });
    expect(next).toHaveBeenCalledTimes(2);
    expect(onEnd).not.toHaveBeenCalled();
  },
);
