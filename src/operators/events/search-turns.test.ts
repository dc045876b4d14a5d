import { expect, test } from 'vitest';

import { createSearchTurns } from './search-turns.ts';

const { signal } = new AbortController();

test('the searches of an operator run one after another, those of others meanwhile', async () => {
  const takeTurn = createSearchTurns();
  const running = new Map<string, number>();
  const most = new Map<string, number>();
  const search = (operator: string) => async (): Promise<string> => {
    running.set(operator, (running.get(operator) ?? 0) + 1);
    const all = running.get(operator)!;
    most.set(operator, Math.max(most.get(operator) ?? 0, all));
    most.set(
      'all',
      Math.max(
        most.get('all') ?? 0,
        [...running.values()].reduce((a, b) => a + b),
      ),
    );
    await new Promise((resolve) => setTimeout(resolve, 5));
    running.set(operator, running.get(operator)! - 1);
    return operator;
  };
  const names = ['ada', 'ada', 'ada', 'ben'];
  const found = await Promise.all(names.map((name) => takeTurn(name, signal, search(name))));
  expect(found).toEqual(names);
  expect(Object.fromEntries(most)).toEqual({ ada: 1, ben: 1, all: 2 });
});

test('four wait for one; a fifth is refused until there is room', async () => {
  const takeTurn = createSearchTurns();
  const first = Promise.withResolvers<void>();
  const five = [
    takeTurn('ada', signal, () => first.promise),
    ...Array.from({ length: 4 }, () => takeTurn('ada', signal, async () => {})),
  ];
  await expect(takeTurn('ada', signal, async () => {})).rejects.toMatchObject({
    code: 'too_many_searches',
  });
  first.resolve();
  await Promise.all(five);
  await expect(takeTurn('ada', signal, async () => 'found')).resolves.toBe('found');
});

test('a search that fails, or whose caller left, lets the next one run', async () => {
  const takeTurn = createSearchTurns();
  const gone = AbortSignal.abort(new Error('gone'));
  let hasRun = false;
  const failed = takeTurn('ada', signal, () => Promise.reject(new Error('away')));
  const left = takeTurn('ada', gone, async () => void (hasRun = true));
  const next = takeTurn('ada', signal, async () => 'found');
  await expect(failed).rejects.toThrow('away');
  await expect(left).rejects.toThrow('gone');
  await expect(next).resolves.toBe('found');
  expect(hasRun).toBe(false);
});
