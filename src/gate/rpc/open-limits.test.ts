import type { HandlerContext } from '@connectrpc/connect';
import { expect, onTestFinished, test } from 'vitest';

import type { GateContext } from '../gate-context.ts';
import { createCallers, keylessBurstMs } from '../intake/callers.ts';
import { createOpenLimits } from './open-limits.ts';

function openLimits(isKnown = false) {
  const limited: string[] = [];
  const callers = createCallers({
    trustedProxies: [],
    auth: 'keys',
    requestBytesMax: 1000,
    limited: (limit) => void limited.push(limit),
  });
  onTestFinished(() => callers.close());
  const context = { callers, limits: { connectionsMax: 10 } } as unknown as GateContext;
  const limits = createOpenLimits(context);
  const call = { connection: { remoteAddress: '192.0.2.1', isKnown }, headers: {} };
  const handler = { values: { get: () => call } } as unknown as HandlerContext;
  return {
    callers,
    limited,
    limits,
    call: call as never,
    mayAsk: () => limits.reflecting.mayAsk(handler),
  };
}

test('a question about reflection waits while no keyless time is left', async () => {
  const { callers, mayAsk } = openLimits();
  expect(mayAsk()).toBe(true);
  callers.turns.spend(keylessBurstMs + 1);
  const waiting = mayAsk();
  expect(waiting).toBeInstanceOf(Promise);
  expect(await waiting).toBe(true);
});

test('and not that of a known caller', () => {
  const { callers, mayAsk } = openLimits(true);
  callers.turns.spend(keylessBurstMs + 1);
  expect(mayAsk()).toBe(true);
});

test('a stream of an address that has asked too often is refused before it begins', async () => {
  const { limits, limited, call, mayAsk } = openLimits();
  expect(limits.reflectionRefusal(call)).toBeUndefined();
  for (let asked = 0; asked < 300; asked += 1) void mayAsk();
  expect([await mayAsk(), limited]).toEqual([false, ['open_streams']]);
  expect(limits.reflectionRefusal(call)).toBe('This address asks too often. Ask again later.');
});
