import { expect, test } from 'vitest';

import { createOneAtATime, waitingMax } from './walk-traffic.ts';

/** The signal of a caller that waits for its answer. */
const { signal: stays } = new AbortController();

test('one runs at a time, in order, also after a failure', async () => {
  const inTurn = createOneAtATime();
  const seen: string[] = [];
  const first = Promise.withResolvers<void>();
  const one = inTurn(stays, async () => {
    seen.push('one begins');
    await first.promise;
    seen.push('one ends');
    throw new Error('a failure');
  });
  const two = inTurn(stays, async () => void seen.push('two'));
  await Promise.resolve();
  expect(seen).toEqual(['one begins']);
  first.resolve();
  await expect(one).rejects.toThrow('a failure');
  await two;
  expect(seen).toEqual(['one begins', 'one ends', 'two']);
});

test(`${waitingMax} wait, and one more is refused until there is room`, async () => {
  const inTurn = createOneAtATime();
  const gate = Promise.withResolvers<void>();
  const all = Array.from({ length: waitingMax + 1 }, () => inTurn(stays, () => gate.promise));
  expect(() => inTurn(stays, async () => {})).toThrow(/Too many operators/);
  gate.resolve();
  await Promise.all(all);
  await inTurn(stays, async () => {});
});

test('one whose caller has left does not run when its turn comes', async () => {
  const inTurn = createOneAtATime();
  const first = Promise.withResolvers<void>();
  const one = inTurn(stays, () => first.promise);
  const caller = new AbortController();
  let runs = 0;
  const two = inTurn(caller.signal, async () => void (runs += 1));
  caller.abort(new Error('the caller is gone'));
  first.resolve();
  await expect(two).rejects.toThrow('the caller is gone');
  await one;
  expect(runs).toBe(0);
  await expect(inTurn(stays, async () => 'three')).resolves.toBe('three');
});

test('those who have left make room for others', async () => {
  const inTurn = createOneAtATime();
  const gate = Promise.withResolvers<void>();
  const running = inTurn(stays, () => gate.promise);
  const caller = new AbortController();
  const left = Array.from({ length: waitingMax }, () => inTurn(caller.signal, () => gate.promise));
  expect(() => inTurn(stays, async () => {})).toThrow(/Too many operators/);
  caller.abort(new Error('the caller is gone'));
  const next = inTurn(stays, async () => 'next');
  gate.resolve();
  await running;
  for (const each of left) await expect(each).rejects.toThrow('the caller is gone');
  expect(await next).toBe('next');
});
