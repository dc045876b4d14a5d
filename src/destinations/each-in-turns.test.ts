import { expect, test } from 'vitest';
import { eachInTurns } from './each-in-turns.ts';

const perTurn = 200;

test('the items of one turn are done at once, and others wait for the next turns, in order', async () => {
  const items = Array.from({ length: 3 * perTurn + 1 }, (_, index) => index);
  const done: number[] = [];
  const doneByTurn: number[] = [];
  const look = (): void => {
    doneByTurn.push(done.length);
    if (done.length < items.length) setImmediate(look);
  };
  setImmediate(look);
  await eachInTurns(items, perTurn, (item) => done.push(item));
  expect(done).toEqual(items);
  expect(doneByTurn.slice(0, 3)).toEqual([perTurn, 2 * perTurn, 3 * perTurn]);
});

test('few items are done before the call returns', () => {
  const done: string[] = [];
  void eachInTurns(['a', 'b'], perTurn, (item) => done.push(item));
  expect(done).toEqual(['a', 'b']);
});
