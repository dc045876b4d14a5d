import { expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { natsStream } from '../nats-stream.ts';
import { readLog, startFarGate } from './headgate-far-side.ts';
import { deliverWhileKilled, expectAllArrived, type KilledDestination } from './killed-worker.ts';

test('2,000 events, three kills of two workers: the far gate has each once', async () => {
  const far = await startFarGate();
  try {
    const { manager } = clientsForTests(far.gate.service.log);
    const destination: KilledDestination = {
      name: 'gate',
      settings: { type: 'headgate', url: far.gate.url, key: far.key, batch_events: 50 },
      arrives: 'exactly once',
      count: async () => (await manager.streams.info(natsStream('EVENTS'))).state.messages,
      // The test publishes by ids that a gate would not make: the far gate makes its own of the key.
      ids: async () => (await readLog(far.gate)).map(({ event }) => event.idempotencyKey),
    };
    const run = await deliverWhileKilled([destination], { events: 2_000, kills: 3, workers: 2 });
    expect(run.ids).toHaveLength(2_000);
    await expectAllArrived(run, [destination]);
  } finally {
    await far.gate[Symbol.asyncDispose]();
  }
});
