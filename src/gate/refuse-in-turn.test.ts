import { beforeEach, describe, expect, test, vi } from 'vitest';

import type { HttpCall } from '../http/http-call.ts';
import type { GateContext } from './gate-context.ts';
import { createCallers, keylessBurstMs } from './intake/callers.ts';
import { createRequestHandler } from './route-request.ts';

/* What needs no key is answered in the turn of its address. */

describe.each([
  ['POST', '/nothing', 404],
  ['POST', '/', 404],
  ['DELETE', '/v1/track', 405],
  ['GET', '/headgate.v1.TrackService/Track', 405],
  ['POST', '/headgate.v1.TrackService/Track', 415],
  ['GET', '/v1/batch', 405],
  ['POST', '/v1/webhooks/nobody', 404],
  ['GET', '/openapi.json', 200],
  ['GET', '/flags/', 200],
  ['DELETE', '/flags/', 405],
])('%s %s', (method, path, status) => {
  let callers: ReturnType<typeof createCallers>;
  beforeEach(() => {
    const options = { trustedProxies: [], auth: 'keys', requestBytesMax: 1000 } as const;
    callers = createCallers({ ...options, limited: () => {} });
    return () => callers.close();
  });

  function ask(isKnown: boolean): number[] {
    const answers: number[] = [];
    const context = { callers, limits: { requestBytesMax: 1000 } } as unknown as GateContext;
    const handle = createRequestHandler(context, {} as never, new Map(), () => Buffer.from('{}'));
    handle({
      httpVersionMajor: 2,
      connection: { remoteAddress: '192.0.2.1', isKnown },
      method,
      url: path,
      headers: {},
      complete: true,
      answered: false,
      receive: () => {},
      whenAnswered: () => {},
      reply: (sent: number) => void answers.push(sent),
    } as unknown as HttpCall);
    return answers;
  }

  test('is answered at once while time is left, and of a known caller', () => {
    expect(ask(false)).toEqual([status]);
    callers.turns.spend(keylessBurstMs + 1);
    expect(ask(true)).toEqual([status]);
  });

  test('waits while none is left', async () => {
    callers.turns.spend(keylessBurstMs + 1);
    const answers = ask(false);
    expect(answers).toEqual([]);
    await vi.waitFor(() => expect(answers).toEqual([status]));
  });
});
