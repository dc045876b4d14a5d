import { expect, test } from 'vitest';
import { createPace } from './pace.ts';

const never = new AbortController().signal;

test('lets only `perSecond` callers pass per second, in the order of their calls', async () => {
  const takeTurn = createPace(100);
  const order: number[] = [];
  const startMs = performance.now();
  await Promise.all(
    Array.from({ length: 11 }, async (_none, index) => {
      await takeTurn(never);
      order.push(index);
    }),
  );
  // Ten intervals of 10 ms after the first; a timer of Node may fire up to 1 ms early.
  expect(performance.now() - startMs).toBeGreaterThan(98);
  expect(order).toEqual(order.toSorted((a, b) => a - b));
});

test('a long pause does not save up turns', async () => {
  const takeTurn = createPace(50);
  await takeTurn(never);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const startMs = performance.now();
  await takeTurn(never);
  await takeTurn(never);
  expect(performance.now() - startMs).toBeGreaterThan(18);
});

test('an abort ends the wait, which returns false', async () => {
  const takeTurn = createPace(0.01);
  expect(await takeTurn(never)).toBe(true);
  const abort = new AbortController();
  const waiting = takeTurn(abort.signal);
  abort.abort();
  expect(await waiting).toBe(false);
  expect(await createPace(1)(AbortSignal.abort())).toBe(false);
});
