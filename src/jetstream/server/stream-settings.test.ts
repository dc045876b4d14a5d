import type { JetStreamManager } from '@nats-io/jetstream';
import { TimeoutError } from '@nats-io/nats-core';
import { expect, test } from 'vitest';

import { StartError } from '../../errors.ts';
import { ensureStreams } from './stream-settings.ts';

const options = { dedupWindowMs: 600_000, storageBytesMax: 2 ** 30, replicas: 3 };

/** A server without streams, whose first answers fail. */
function managerWith(failures: readonly Error[]): { manager: JetStreamManager; asked: string[] } {
  const asked: string[] = [];
  const add = async ({ name }: { name: string }): Promise<void> => {
    asked.push(name);
    const failure = failures[asked.length - 1];
    if (failure !== undefined) throw failure;
  };
  const manager = { streams: { list: async function* () {}, add } };
  return { manager: manager as unknown as JetStreamManager, asked };
}

const timeouts = (count: number): Error[] =>
  Array.from({ length: count }, () => new TimeoutError());

test('a stream whose creation times out is created again, up to five times', async () => {
  const { manager, asked } = managerWith(timeouts(5));
  await ensureStreams(manager, options);
  const [first] = asked;
  expect(asked.filter((name) => name === first)).toHaveLength(6);
  expect(asked).toHaveLength(new Set(asked).size + 5);
});

test('the sixth timeout stops the start, and so does any other error at once', async () => {
  const { manager, asked } = managerWith(timeouts(6));
  await expect(ensureStreams(manager, options)).rejects.toThrow(StartError);
  expect(asked).toHaveLength(6);
  const refused = managerWith([new Error('insufficient resources')]);
  await expect(ensureStreams(refused.manager, options)).rejects.toThrow(
    /cannot be created: insufficient resources/,
  );
  expect(refused.asked).toHaveLength(1);
});
