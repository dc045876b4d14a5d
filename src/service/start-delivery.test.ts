import { expect, test } from 'vitest';

import { stopAll } from './start-delivery.ts';

test('stops workers at once, and closes each destination after its worker', async () => {
  const told: string[] = [];
  const both = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const carriers = ['first', 'second'].map((name, index) => ({
    worker: {
      stop: async () => {
        both[index]!.resolve();
        // One after another this would never end.
        await Promise.all(both.map(({ promise }) => promise));
        told.push(`${name} stopped`);
        if (name === 'first') throw new Error('stuck');
      },
    },
    destination: { close: async () => void told.push(`${name} closed`) },
  }));
  await expect(stopAll(carriers)).rejects.toThrow('destinations could not be stopped');
  expect(told.toSorted()).toEqual([
    'first closed',
    'first stopped',
    'second closed',
    'second stopped',
  ]);
  expect(told.indexOf('first closed')).toBeGreaterThan(told.indexOf('first stopped'));
});
