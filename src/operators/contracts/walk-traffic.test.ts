import { expect, test } from 'vitest';

import { createOneAtATime, waitingMax } from './walk-traffic.ts';

test('one runs at a time, in order, also after a failure', async () => {
  const inTurn = createOneAtATime();
  const seen: string[] = [];
  const first = Promise.withResolvers<void>();
  const one = inTurn(async () => {
    seen.push('one begins');
    await first.promise;
    seen.push('one ends');
    throw new Error('a failure');
  });
  const two = inTurn(async () => void seen.push('two'));
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
  const all = Array.from({ length: waitingMax + 1 }, () => inTurn(() => gate.promise));
  expect(() => inTurn(async () => {})).toThrow(/Too many operators/);
  gate.resolve();
  await Promise.all(all);
  await inTurn(async () => {});
});
