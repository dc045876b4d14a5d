import { describe, expect, test } from 'vitest';

import { createTurnBudget } from './turn-budget.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function openBudget(waitingBytesMax = 1000) {
  const done: string[] = [];
  const budget = createTurnBudget({ turnBytes: 100, waitingBytesMax });
  const run = (name: string, bytes: number): void => budget.run(bytes, () => done.push(name));
  return { done, run, budget };
}

describe('the budget of a turn', () => {
  test('runs what fits, including the work that fills the turn, and the rest later, in order', async () => {
    const { done, run } = openBudget();
    for (const [name, bytes] of [
      ['a', 60],
      ['b', 60],
      ['c', 60],
      ['d', 30],
      ['e', 10],
    ] as const) {
      run(name, bytes);
    }
    expect(done).toEqual(['a', 'b']);
    await turn();
    expect(done).toEqual(['a', 'b', 'c', 'd', 'e']);
    run('f', 1);
    expect(done).toEqual(['a', 'b', 'c', 'd', 'e']);
    await turn();
    expect(done.at(-1)).toBe('f');
  });

  test('is whole again in the next turn', async () => {
    const { done, run } = openBudget();
    run('a', 100);
    await turn();
    run('b', 100);
    expect(done).toEqual(['a', 'b']);
  });

  test('lets other work of the event loop between two turns', async () => {
    const { done, run } = openBudget();
    for (const name of ['a', 'b', 'c']) run(name, 100);
    setImmediate(() => done.push('another'));
    await turn();
    await turn();
    expect(done).toEqual(['a', 'b', 'another', 'c']);
  });

  test('does at once what would be more than may wait', async () => {
    const { done, run } = openBudget(300);
    run('a', 100);
    run('b', 200);
    run('c', 100);
    run('d', 1);
    expect(done).toEqual(['a', 'd']);
    await turn();
    await turn();
    expect(done).toEqual(['a', 'd', 'b', 'c']);
  });

  test('continues after work that throws', async () => {
    const { done, run, budget } = openBudget();
    run('a', 100);
    budget.run(100, () => {
      throw new Error('a fault');
    });
    run('b', 100);
    const faults: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', (error) => faults.push((error as Error).message));
    await turn();
    await turn();
    await turn();
    for (const listener of listeners) process.on('uncaughtException', listener);
    expect([done, faults]).toEqual([['a', 'b'], ['a fault']]);
  });
});
