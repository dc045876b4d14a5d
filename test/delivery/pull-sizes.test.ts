import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { delivered } from '../../src/destinations/destination.ts';
import { clientsForTests } from '../../src/jetstream/clients.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { startRealLog } from '../real-log.ts';
import { publishEvents, recording, startWorker, until } from './rig.ts';

/** How many messages each request of the consumer `crm` asks for. */
function watchRequests(log: Log): number[] {
  const requested: number[] = [];
  clientsForTests(log).connection.subscribe('$JS.API.CONSUMER.MSG.NEXT.EVENTS_0.crm', {
    callback: (_error, message) => {
      requested.push(message.json<{ batch: number }>().batch);
    },
  });
  return requested;
}

/** A pull has two requests, each of half of what it asks ahead. */
test.each([
  ['beside intake', true, 100],
  ['in a process that only delivers', false, 500],
])('%s a worker pulls so many events at once: %s, %d', async (_where, besideIntake, batch) => {
  await using real = await startRealLog();
  const requested = watchRequests(real.log);
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

test('beside an intake that is quiet a worker pulls as many as one that only delivers', async () => {
  await using real = await startRealLog();
  const requested = watchRequests(real.log);
  const worker = await startWorker(real.log, recording(), { besideIntake: true });
  try {
    await sleep(1_100);
    await publishEvents(real.log, 60);
    await until(
      () => requested,
      (all) => all.includes(500),
    );
    await publishEvents(real.log, 1_500);
    const before = requested.length;
    await until(
      () => requested.length,
      (count) => count > before + 4,
    );
    expect(requested.slice(-2)).toEqual([100, 100]);
  } finally {
    await worker.stop();
  }
});

/** The first call holds the worker up while the others wait, so that the second could have them all. */
test.each([
  ['beside intake', true, 2_000],
  ['in a process that only delivers', false, 3_000],
])('%s a call has at most so many events: %s, %d', async (_where, besideIntake, most) => {
  await using real = await startRealLog();
  const first = Promise.withResolvers<void>();
  const destination = {
    ...recording(
      async () => {
        await first.promise;
        return delivered;
      },
      { batchEventsMax: 10_000 },
    ),
    besideIntakeEventsMax: 2_000,
  };
  const { manager } = clientsForTests(real.log);
  const worker = await startWorker(real.log, destination, { besideIntake });
  try {
    await publishEvents(real.log, 1);
    await until(
      () => destination.batchSizes,
      ({ length }) => length === 1,
    );
    await publishEvents(real.log, 3_000);
    await until(
      () => manager.consumers.info('EVENTS_0', 'crm'),
      ({ num_ack_pending }) => num_ack_pending === 3_001,
    );
    first.resolve();
    await until(
      () => destination.seen,
      ({ length }) => length >= 3_001,
    );
    expect(Math.max(...destination.batchSizes)).toBe(most);
  } finally {
    await worker.stop();
  }
});

/** The rate of producers that a log reports from now on. Returns how often it was asked for. */
function reportRate(log: Log, taken: number): () => number {
  let asked = 0;
  Object.assign(clientsForTests(log), {
    takenPerSecond: () => {
      asked += 1;
      return taken;
    },
  });
  return () => asked;
}

test.each([
  ['beside intake a worker keeps the pace of what is stored', true],
  ['in a process that only delivers a worker keeps no pace', false],
])('%s', async (_what, besideIntake) => {
  await using real = await startRealLog();
  await publishEvents(real.log, 500);
  Object.assign(real.log, { isTaking: () => true });
  const asked = reportRate(real.log, 4_000);
  const destination = recording();
  const worker = await startWorker(real.log, destination, { besideIntake });
  try {
    await until(
      () => destination.seen,
      ({ length }) => length === 500,
    );
    // The room of a worker says what follows from it.
    expect(asked() > 0).toBe(besideIntake);
  } finally {
    await worker.stop();
  }
});
