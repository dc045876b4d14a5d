import { expect, test } from 'vitest';

import type { DeadLetterFilter } from '../../dead-letters/walk-dead-letters.ts';
import type { DeadLetterQueue } from '../../dead-letters/queue.ts';
import { ServiceError } from '../../errors.ts';
import { replayPage } from './replay-page.ts';

const filter = {} as DeadLetterFilter;

/** A queue of letters 1 to `count`, whose replays fail as `errors` says. */
function queueOf(count: number, errors: Readonly<Record<string, Error>>) {
  const replayed: string[] = [];
  const ids = Array.from({ length: count }, (_, index) => `crm:${index + 1}`);
  const queue = {
    list: async () => ({
      deadLetters: ids.map((id) => ({ id })),
      total: count,
      nextPageToken: 't',
    }),
    replay: async (id: string) => {
      await new Promise((resolve) => setImmediate(resolve));
      if (errors[id] !== undefined) throw errors[id];
      replayed.push(id);
      return replayed.length;
    },
  } as unknown as DeadLetterQueue;
  return { queue, replayed };
}

test('one that another caller has or works on does not hold up the others', async () => {
  const { queue } = queueOf(20, {
    'crm:2': new ServiceError('dead_letter_busy', 'busy'),
    'crm:9': new ServiceError('dead_letter_not_found', 'gone'),
  });
  const found: unknown[] = [];
  const page = await replayPage(queue, filter, 100, '', (event) => void found.push(event));
  expect(page.nextPageToken).toBe('t');
  expect(page.results).toHaveLength(20);
  expect(page.results.filter(({ code }) => code !== '')).toEqual([
    { id: 'crm:2', sequence: 0n, code: 'dead_letter_busy' },
    { id: 'crm:9', sequence: 0n, code: 'dead_letter_not_found' },
  ]);
  expect(found).toHaveLength(18);
});

test('another error ends the page, and what was replayed before is reported', async () => {
  const { queue, replayed } = queueOf(100, { 'crm:20': new Error('the log is away') });
  const found: unknown[] = [];
  const page = replayPage(queue, filter, 100, '', (event) => void found.push(event));
  await expect(page).rejects.toThrow('the log is away');
  expect(replayed.length).toBeLessThan(40);
  expect(found).toEqual(replayed.map((deadLetter) => ({ deadLetter })));
});
