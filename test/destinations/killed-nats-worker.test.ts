import { jetstream } from '@nats-io/jetstream';
import { expect, test } from 'vitest';

import { deliverWhileKilled, expectAllArrived, type KilledDestination } from './killed-worker.ts';
import { startOperatorsNats } from './nats-server.ts';

const stream = 'KILLED';
const hourNanos = 3_600_000_000_000;

test('20,000 events, ten kills of the worker: each is in the stream once', async () => {
  await using server = await startOperatorsNats();
  const { connection, manager, port } = server;
  await manager.streams.add({
    name: stream,
    subjects: ['killed.>'],
    duplicate_window: hourNanos,
  });
  const count = async (): Promise<number> => (await manager.streams.info(stream)).state.messages;
  const destination: KilledDestination = {
    name: 'out',
    settings: { type: 'nats', url: `nats://127.0.0.1:${port}`, subject: 'killed.{event_name}' },
    arrives: 'exactly once',
    count,
    ids: async () => {
      const consumer = await jetstream(connection).consumers.get(stream, { headers_only: true });
      const ids: string[] = [];
      const total = await count();
      for await (const message of await consumer.consume()) {
        ids.push(message.headers!.get('event_id'));
        if (ids.length === total) break;
      }
      return ids;
    },
  };
  const run = await deliverWhileKilled([destination], { events: 20_000, kills: 10 });
  expect(run.ids).toHaveLength(20_000);
  await expectAllArrived(run, [destination]);
}, 300_000);
