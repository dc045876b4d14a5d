import { beforeEach, describe, expect, test, vi } from 'vitest';

import type { HttpCall } from '../../http/http-call.ts';
import { createCallers, keylessBurstMs } from './callers.ts';
import { CallerGone } from './caller-gone.ts';
import { runInTurn, type KeylessWork } from './run-in-turn.ts';

describe('work without a key', () => {
  const limited: string[] = [];
  const log: string[] = [];
  let callers: ReturnType<typeof createCallers>;

  beforeEach(() => {
    limited.length = 0;
    log.length = 0;
    callers = createCallers({
      trustedProxies: [],
      auth: 'keys',
      requestBytesMax: 1000,
      limited: (limit, who) => void limited.push(`${limit} ${who}`),
    });
    return () => callers.close();
  });

  function callOf(httpVersionMajor: 1 | 2 = 2) {
    let end = (): void => {};
    const receive = vi.fn<HttpCall['receive']>();
    const call = {
      httpVersionMajor,
      connection: { remoteAddress: '192.0.2.1' },
      headers: {},
      receive,
      whenAnswered: (listener: () => void) => (end = listener),
    };
    return { call: call as unknown as HttpCall, receive, end: () => end() };
  }

  const work: KeylessWork = {
    costMs: 0.05,
    run: () => void log.push('run'),
    lose: (error) => void log.push(error instanceof CallerGone ? 'gone' : 'lost'),
  };
  const useUp = (): boolean => callers.turns.spend(keylessBurstMs + 1);

  test('runs at once while time is left', () => {
    const { call, receive } = callOf();
    runInTurn(callers, call, work);
    expect([log, limited, receive.mock.calls.length]).toEqual([['run'], [], 0]);
  });

  test('waits for its turn when none is left, and its body with it or not at all', async () => {
    useUp();
    const refused = callOf();
    const served = callOf();
    const first = callOf(1);
    runInTurn(callers, refused.call, work);
    runInTurn(callers, served.call, { ...work, bodyBytes: 1000 });
    runInTurn(callers, first.call, work);
    expect([log, limited[0]]).toEqual([[], 'keyless_turn 192.0.2.1']);
    const received = [refused, served, first].map(({ receive }) => receive.mock.calls.length);
    expect(received).toEqual([1, 0, 0]);
    expect(refused.call.connection.waitingForTurn).toBe(1);
    await vi.waitFor(() => expect(log).toEqual(['run', 'run', 'run']));
    expect(refused.call.connection.waitingForTurn).toBe(0);
  });

  test('is lost when its caller disconnects first', async () => {
    useUp();
    const { call, end } = callOf();
    runInTurn(callers, call, work);
    end();
    end();
    expect([log, call.connection.waitingForTurn]).toEqual([['gone'], 0]);
    const next = callOf();
    runInTurn(callers, next.call, work);
    await vi.waitFor(() => expect(log).toEqual(['gone', 'run']));
  });

  test('has a time of its own where that is given', () => {
    useUp();
    runInTurn(callers, callOf().call, { ...work, turns: callers.checks });
    expect(log).toEqual(['run']);
  });
});
