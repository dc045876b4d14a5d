import { expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { startRealLog } from '../real-log.ts';
import { recording, startWorker, until } from './rig.ts';

/** A pull has two requests, each of half of what it asks ahead. */
test.each([
  ['beside intake', true, 100],
  ['in a process that only delivers', false, 500],
])('%s a worker pulls so many events at once: %s, %d', async (_where, besideIntake, batch) => {
  await using real = await startRealLog();
  const { connection } = clientsForTests(real.log);
  const requested: number[] = [];
  connection.subscribe('$JS.API.CONSUMER.MSG.NEXT.EVENTS_0.crm', {
    callback: (_error, message) => {
      requested.push(message.json<{ batch: number }>().batch);
    },
  });
  const worker = await startWorker(real.log, recording(), { besideIntake });
  try {
    await until(
      () => requested,
      ({ length }) => length > 0,
    );
    expect(requested[0]).toBe(batch);
  } finally {
    await worker.stop();
  }
});
