import { expect, test } from 'vitest';

import { createBreaker } from './breaker.ts';

const options = { backoffBaseMs: 100, backoffCapMs: 1_000, failuresMax: 3 };

test('the bound of the delay doubles up to the cap', () => {
  const breaker = createBreaker(options, () => 1);
  const delays = Array.from({ length: 6 }, () => {
    breaker.failed(0, 0);
    return breaker.waitMs(0);
  });
  expect(delays).toEqual([100, 200, 400, 800, 1_000, 1_000]);
});

test('the delay is random up to the bound, and never less than the gate asks for', () => {
  const random = createBreaker(options, () => 0.25);
  random.failed(0, 0);
  expect(random.waitMs(0)).toBe(25);
  random.failed(0, 5_000);
  expect(random.waitMs(1_000)).toBe(4_000);
});

test('a gate that asks for a week is tried again after an hour', () => {
  const breaker = createBreaker(options, () => 1);
  breaker.failed(0, 7 * 86_400_000);
  expect(breaker.waitMs(0)).toBe(3_600_000);
});

test('it opens after failuresMax failures in a row, and one success closes it', () => {
  const breaker = createBreaker(options, () => 1);
  const states = [breaker.state];
  for (let count = 0; count < 3; count += 1) {
    breaker.failed(0, 0);
    states.push(breaker.state);
  }
  expect(states).toEqual(['closed', 'waiting', 'waiting', 'open']);
  breaker.succeeded();
  expect(breaker.state).toBe('closed');
  expect(breaker.waitMs(0)).toBe(0);
});
