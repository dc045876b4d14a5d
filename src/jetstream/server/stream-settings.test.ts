import type { JetStreamManager } from '@nats-io/jetstream';
import { TimeoutError } from '@nats-io/nats-core';
import { expect, test } from 'vitest';

import { StartError } from '../../errors.ts';
import { ensureStreams, streamSettings } from './stream-settings.ts';

const options = { dedupWindowMs: 600_000, storageBytesMax: 2 ** 30, replicas: 3 };

/** A server without streams, whose first answers fail. */
function managerWith(failures: readonly Error[]): { manager: JetStreamManager; asked: string[] } {
  const asked: string[] = [];
  const add = async ({ name }: { name: string }): Promise<void> => {
    asked.push(name);
    const failure = failures[asked.length - 1];
    if (failure !== undefined) throw failure;
  };
  const getMessage = async (): Promise<null> => null;
  const manager = { streams: { list: async function* () {}, add, getMessage } };
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
    /cannot be created: insufficient resources\. .* up to 1024 MiB .*log\.storage_bytes_max/,
  );
  expect(refused.asked).toHaveLength(1);
  const denied = managerWith([new Error('permission denied')]);
  await expect(ensureStreams(denied.manager, options)).rejects.toThrow(/: permission denied\.$/);
});

test.each([undefined, 2 ** 29, 2 ** 40])(
  'the streams together stay within their limit, with %s bytes for ASIDE',
  (asideBytesMax) => {
    for (const keepsSchemas of [false, true]) {
      const settings = streamSettings({ ...options, keepsSchemas, asideBytesMax });
      const bytes = new Map(settings.map(({ name, max_bytes: max }) => [name, max ?? 0]));
      const sum = [...bytes.values()].reduce((total, one) => total + one, 0);
      expect(sum).toBeLessThanOrEqual(options.storageBytesMax);
      const room = bytes.get('EVENTS_0')! + bytes.get('ASIDE')!;
      const share = asideBytesMax === undefined ? 0.125 : Math.min(0.75, asideBytesMax / room);
      expect(bytes.get('ASIDE')! / room).toBeCloseTo(share, 4);
    }
  },
);
