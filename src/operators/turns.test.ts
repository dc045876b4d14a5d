import { expect, test } from 'vitest';

import { createTurns } from './turns.ts';

const waitingMax = 8;
const newTurns = () => createTurns(waitingMax, () => new Error('Too many operators wait'));

/** The signal of a caller that waits for its answer. */
const { signal: stays } = new AbortController();

test('one runs at a time, in order, also after a failure', async () => {
  const turns = newTurns();
  const seen: string[] = [];
  const first = Promise.withResolvers<void>();
  const one = turns.take(stays, async () => {
    seen.push('one begins');
    await first.promise;
    seen.push('one ends');
    throw new Error('a failure');
  });
  const two = turns.take(stays, async () => void seen.push('two'));
  await Promise.resolve();
  expect(seen).toEqual(['one begins']);
  first.resolve();
  await expect(one).rejects.toThrow('a failure');
  await two;
  expect(seen).toEqual(['one begins', 'one ends', 'two']);
});

test(`${waitingMax} wait, and one more is refused until there is room`, async () => {
  const turns = newTurns();
  const gate = Promise.withResolvers<void>();
  const all = Array.from({ length: waitingMax + 1 }, () => turns.take(stays, () => gate.promise));
  expect(() => turns.take(stays, async () => {})).toThrow(/Too many operators/);
  gate.resolve();
  await Promise.all(all);
  await turns.take(stays, async () => {});
});

test('one whose caller has left does not run when its turn comes', async () => {
  const turns = newTurns();
  const first = Promise.withResolvers<void>();
  const one = turns.take(stays, () => first.promise);
  const caller = new AbortController();
  let runs = 0;
  const two = turns.take(caller.signal, async () => void (runs += 1));
  caller.abort(new Error('the caller is gone'));
  first.resolve();
  await expect(two).rejects.toThrow('the caller is gone');
  await one;
  expect(runs).toBe(0);
  await expect(turns.take(stays, async () => 'three')).resolves.toBe('three');
});

test('those who have left make room for others', async () => {
  const turns = newTurns();
  const gate = Promise.withResolvers<void>();
  const running = turns.take(stays, () => gate.promise);
  const caller = new AbortController();
  const left = Array.from({ length: waitingMax }, () =>
    turns.take(caller.signal, () => gate.promise),
  );
  expect(() => turns.take(stays, async () => {})).toThrow(/Too many operators/);
  caller.abort(new Error('the caller is gone'));
  const next = turns.take(stays, async () => 'next');
  gate.resolve();
  await running;
  for (const each of left) await expect(each).rejects.toThrow('the caller is gone');
  expect(await next).toBe('next');
});

test('one that runs counts until it ends, also without its caller', async () => {
  const turns = newTurns();
  const gate = Promise.withResolvers<void>();
  const caller = new AbortController();
  const running = turns.take(caller.signal, () => gate.promise);
  await Promise.resolve();
  caller.abort(new Error('the caller is gone'));
  expect(turns.isEmpty()).toBe(false);
  gate.resolve();
  await running;
  expect(turns.isEmpty()).toBe(true);
});
