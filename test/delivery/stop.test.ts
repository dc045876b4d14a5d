import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { delivered } from '../../src/destinations/destination.ts';
import { startRealLog } from '../real-log.ts';
import {
  destinationConfig,
  publishEvents,
  readDead,
  recording,
  settled,
  startWorker,
  until,
} from './rig.ts';

describe('stopping a worker', () => {
  test('waits for the running call, releases the other events at once, and is idempotent', async () => {
    await using real = await startRealLog();
    const ids = await publishEvents(real.log, 20);
    const answer = Promise.withResolvers<void>();
    const slow = recording(() => answer.promise.then(() => delivered), { batchEventsMax: 5 });
    const config = destinationConfig({ ackWaitMs: 30_000 });
    const first = await startWorker(real.log, slow, { config });
    await until(
      () => slow.seen.length,
      (length) => length === 5,
    );
    const stopped = Promise.all([first.stop(), first.stop()]);
    answer.resolve();
    await stopped;
    expect(slow.seen).toHaveLength(5);

    const next = recording();
    const second = await startWorker(await real.open(), next, { config });
    // Much sooner than the acknowledgement wait, because they were released.
    await settled(real.log, 'crm', 'EVENTS', 10_000);
    await second.stop();
    const all = [...slow.seen, ...next.seen].map(({ eventId }) => eventId);
    expect(all.sort()).toEqual([...ids].sort());
  });

  test('ends a call that outlasts the grace period; another worker gets its events', async () => {
    await using real = await startRealLog();
    await publishEvents(real.log, 3);
    const hanging = recording(() => new Promise(() => {}));
    const config = destinationConfig({ ackWaitMs: 30_000 });
    const first = await startWorker(real.log, hanging, { config, stopGraceMs: 50 });
    await until(
      () => hanging.seen.length,
      (length) => length > 0,
    );
    await first.stop();
    const next = recording();
    const second = await startWorker(real.log, next, { config });
    await settled(real.log, 'crm', 'EVENTS', 10_000);
    await second.stop();
    expect(next.seen).toHaveLength(3);
  });

  test('gives up no event, however often workers are stopped under load', async () => {
    await using real = await startRealLog();
    await publishEvents(real.log, 5);
    const config = destinationConfig({
      ackWaitMs: 30_000,
      retry: { attempts: 1, baseMs: 1, capMs: 1 },
    });
    for (let deployment = 0; deployment < 5; deployment += 1) {
      const hanging = recording(() => new Promise(() => {}));
      const worker = await startWorker(real.log, hanging, { config, stopGraceMs: 20 });
      await until(
        () => hanging.seen.length,
        (length) => length > 0,
      );
      await worker.stop();
    }
    const next = recording();
    const last = await startWorker(real.log, next, { config });
    await settled(real.log, 'crm', 'EVENTS', 10_000);
    await last.stop();
    expect(next.seen).toHaveLength(5);
    expect(await readDead(real.log)).toEqual([]);
  });
});

test('stops although the log is unreachable', async () => {
  await using real = await startRealLog();
  await publishEvents(real.log, 10);
  const destination = recording(() => sleep(100).then(() => delivered), { batchEventsMax: 1 });
  const worker = await startWorker(real.log, destination);
  await until(
    () => destination.seen.length,
    (length) => length > 1,
  );
  await real.server.stop();
  const began = performance.now();
  await worker.stop();
  expect(performance.now() - began).toBeLessThan(15_000);
});

test('delivers every event after a kill -9 of nats-server during delivery', async () => {
  await using real = await startRealLog();
  const ids = await publishEvents(real.log, 6_000);
  // More than a worker holds, so that it must pull again from the restarted server.
  const destination = recording(() => sleep(5).then(() => delivered), { batchEventsMax: 50 });
  const worker = await startWorker(real.log, destination);
  await until(
    () => destination.seen.length,
    (length) => length > 200,
  );
  real.killServer();
  const distinct = () => new Set(destination.seen.map(({ eventId }) => eventId)).size;
  await until(distinct, (count) => count === ids.length, 40_000);
  await settled(real.log, 'crm', 'EVENTS', 20_000);
  await worker.stop();
  expect(distinct()).toBe(ids.length);
}, 60_000);
