import { expect, test } from 'vitest';

import { createByteBudget } from './byte-budget.ts';

test('grants bytes in the order of the requests, never more than there are', () => {
  const budget = createByteBudget(10);
  const granted: string[] = [];
  const back = new Map<string, () => void>();
  const take = (name: string, bytes: number): (() => void) =>
    budget.take(bytes, (giveBack) => {
      granted.push(name);
      back.set(name, giveBack);
    });
  take('a', 6);
  take('b', 6);
  // It would fit, but `b` was first.
  take('c', 1);
  expect(granted).toEqual(['a']);
  back.get('a')!();
  expect(granted).toEqual(['a', 'b', 'c']);
  // Twice is once.
  back.get('a')!();
  take('d', 4);
  expect(granted).toEqual(['a', 'b', 'c']);
  back.get('b')!();
  expect(granted).toEqual(['a', 'b', 'c', 'd']);
});

test('grants more than all there is, alone', () => {
  const budget = createByteBudget(10);
  const granted: string[] = [];
  let giveBack = (): void => {};
  budget.take(1, (back) => (giveBack = back));
  budget.take(11, () => granted.push('large'));
  expect(granted).toEqual([]);
  giveBack();
  expect(granted).toEqual(['large']);
});

test('a request that is cancelled lets the next one through', () => {
  const budget = createByteBudget(10);
  const granted: string[] = [];
  budget.take(5, () => {});
  const cancel = budget.take(8, () => granted.push('cancelled'));
  budget.take(5, () => granted.push('next'));
  cancel();
  expect(granted).toEqual(['next']);
});
