import { expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { delivered, type Outcome } from '../../src/destinations/destination.ts';
import { createJanitor } from '../../src/jetstream/consume/janitor.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { startHttpServer } from '../destinations/http-server.ts';
import { prepareWorker } from '../destinations/killed-worker.ts';
import { startRealLog } from '../real-log.ts';
import {
  countMessages,
  createTestSignals,
  destinationConfig,
  publishEvents,
  readAttempts,
  readDead,
  recording,
  settled,
  startWorker,
  unsettled,
  until,
} from './rig.ts';

const hour = 3_600_000;
const refusedFor = (notBeforeMs: number) =>
  ({
    kind: 'retry',
    fault: 'event',
    reason: 'not yet',
    status: '422',
    notBeforeMs,
  }) as const;

const delayedCopy = (log: Log) => unsettled(log, 'crm', 'RETRY');

test('5,000 events that wait for an hour do not block new ones', async () => {
  await using real = await startRealLog();
  const { log } = real;
  // More than twice as many as the log delivers at once.
  const slow = await publishEvents(log, 5_000, { eventName: 'page_viewed' });
  const waiting = new Set(slow);
  const destination = recording(
    ({ event }) => (waiting.has(event().eventId) ? refusedFor(hour) : delivered),
    { batchEventsMax: 500, concurrency: 2 },
  );
  const worker = await startWorker(log, destination);
  await until(
    () => delayedCopy(log),
    (count) => count === 5_000,
    30_000,
  );
  await settled(log);
  expect(destination.seen).toHaveLength(5_000);

  const fresh = await publishEvents(log, 3_000);
  await settled(log);
  expect(
    destination.seen
      .slice(5_000)
      .map(({ eventId }) => eventId)
      .sort(),
  ).toEqual(fresh.sort());
  // All of them wait in RETRY; the worker holds no event.
  await until(
    async () => (await clientsForTests(log).manager.consumers.info('RETRY', 'crm')).num_pending,
    (count) => count === 0,
  );
  expect(await delayedCopy(log)).toBe(5_000);
  await worker.stop();
  expect(await readDead(log)).toEqual([]);
});

test('a delayed event comes back as the same event, and not before it is due', async () => {
  await using real = await startRealLog({ durability: 'fsync' });
  const { log } = real;
  const ids = await publishEvents(log, 20);
  const destination = recording(({ attempt }) => (attempt < 3 ? refusedFor(2_100) : delivered));
  const worker = await startWorker(log, destination);
  await until(
    () => destination.seen.length,
    (length) => length === 60,
    20_000,
  );
  await settled(log, 'crm', 'RETRY');
  await worker.stop();
  for (const [index, eventId] of ids.entries()) {
    const seen = destination.seen.filter((one) => one.eventId === eventId);
    expect(seen).toMatchObject([1, 2, 3].map((attempt) => ({ attempt, sequence: index + 1 })));
    expect(seen[1]!.atMs - seen[0]!.atMs).toBeGreaterThan(2_090);
    expect(seen[2]!.atMs - seen[1]!.atMs).toBeGreaterThan(2_090);
  }
  expect(await readAttempts(log)).toHaveLength(40);
  // A copy is deleted once it is settled; the last message of a stream stays.
  const janitor = createJanitor({
    log,
    retentionMs: hour,
    destinations: ['crm'],
    onTrouble: () => {},
  });
  expect(await countMessages(log, 'RETRY')).toBe(40);
  await janitor.run();
  expect(await countMessages(log, 'RETRY')).toBe(1);
  expect(await countMessages(log, 'EVENTS')).toBe(20);
});

test('a delayed event survives the end of its worker and a kill -9 of nats-server', async () => {
  await using real = await startRealLog();
  const ids = await publishEvents(real.log, 300);
  const first = recording(() => refusedFor(2_500));
  const log = await real.open();
  await startWorker(log, first);
  await until(
    () => delayedCopy(real.log),
    (count) => count === 300,
  );
  await settled(real.log);
  // Cut the worker's connections: to the log this is the same as kill -9.
  await log.close();
  real.killServer();
  const next = recording();
  const worker = await until(
    () =>
      real
        .open()
        .then((opened) => startWorker(opened, next))
        .catch(() => undefined),
    (started) => started !== undefined,
    20_000,
  );
  await until(
    () => delayedCopy(real.log).catch(() => -1),
    (count) => count === 0,
    30_000,
  );
  await worker!.stop();
  expect(new Set(next.seen.map(({ eventId }) => eventId))).toEqual(new Set(ids));
  expect(await readDead(real.log)).toEqual([]);
}, 60_000);

test('attempts of a delayed event keep counting, and its dead letter names the event', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const ids = await publishEvents(log, 3);
  const destination = recording(({ sequence }) => (sequence === 2 ? refusedFor(2_100) : delivered));
  const worker = await startWorker(log, destination);
  const [letter] = await until(
    () => readDead(log),
    (letters) => letters.length === 1,
    20_000,
  );
  await settled(log, 'crm', 'RETRY');
  await worker.stop();
  expect(letter).toMatchObject({ id: 'crm:2', stream: 'EVENTS', event: { eventId: ids[1] } });
  expect(letter!.attempts.map(({ attempt, charged }) => [attempt, charged])).toEqual([
    [1, true],
    [2, true],
    [3, true],
  ]);
});

test('delays an event that must wait long while others get through, uncharged', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const limited: Outcome = { ...refusedFor(2_100), fault: 'destination', status: '429' };
  let open = false;
  const destination = recording(({ sequence }) => (sequence === 1 && !open ? limited : delivered), {
    batchEventsMax: 1,
    concurrency: 4,
  });
  await publishEvents(log, 20);
  const worker = await startWorker(log, destination);
  await until(
    () => delayedCopy(log),
    (count) => count === 1,
  );
  open = true;
  await settled(log, 'crm', 'RETRY', 15_000);
  await worker.stop();
  const seen = destination.seen.filter(({ sequence }) => sequence === 1);
  expect(seen.length).toBeGreaterThan(1);
  expect(seen.map(({ attempt }) => attempt)).toEqual(seen.map((_one, index) => index + 1));
  expect((await readAttempts(log)).filter(({ charged }) => charged)).toEqual([]);
});

test('events of a source that must wait do not park the destination, and spend no attempt', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const limited: Outcome = { ...refusedFor(3_600_000), fault: 'source' };
  const destination = recording(({ sequence }) => (sequence <= 5 ? limited : delivered), {
    batchEventsMax: 10,
  });
  await publishEvents(log, 5);
  const worker = await startWorker(log, destination);
  await until(
    () => delayedCopy(log),
    (count) => count === 5,
  );
  const others = await publishEvents(log, 5);
  await settled(log);
  expect(worker.state()).toMatchObject({ kind: 'running' });
  await worker.stop();
  const seen = destination.seen.map(({ eventId }) => eventId);
  expect(seen.slice(5).toSorted()).toEqual(others.toSorted());
  expect((await readAttempts(log)).map(({ charged }) => charged)).toEqual(
    Array.from({ length: 5 }, () => false),
  );
});

test('an event stays with its worker and is not lost while RETRY accepts no events', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const { config } = await clientsForTests(log).manager.streams.info('RETRY');
  await clientsForTests(log).manager.streams.update('RETRY', { ...config, max_bytes: 1 });
  const ids = await publishEvents(log, 5);
  const destination = recording(({ attempt }) => (attempt < 2 ? refusedFor(2_100) : delivered));
  const worker = await startWorker(log, destination);
  await settled(log, 'crm', 'EVENTS', 15_000);
  await worker.stop();
  expect(
    destination.seen
      .slice(5)
      .map(({ eventId }) => eventId)
      .sort(),
  ).toEqual(ids.sort());
  expect(await readDead(log)).toEqual([]);
});

test('an event older than max_age is not tried again, even with attempts left', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const sentAtMs = performance.now();
  await publishEvents(log, 1);
  const { metrics, signals } = createTestSignals();
  const destination = recording(() => refusedFor(0));
  const retry = { attempts: 100, baseMs: 1, capMs: 200, maxAgeMs: 1_500 };
  const worker = await startWorker(log, destination, {
    signals,
    config: destinationConfig({ retry }),
  });
  const [letter] = await until(
    () => readDead(log),
    (letters) => letters.length === 1,
  );
  await worker.stop();
  const { seen } = destination;
  expect(seen.length).toBeGreaterThan(2);
  expect(seen.length).toBeLessThan(100);
  expect(seen.at(-1)!.atMs - sentAtMs).toBeGreaterThan(1_490);
  expect(letter!.attempts).toHaveLength(seen.length);
  expect(metrics.deliveries.series('crm', 'dead').value).toBe(1);
});

test('delayed events survive repeated kill -9 of the worker process', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const taken: string[] = [];
  let open = false;
  const far = await startHttpServer(({ headers }, response) => {
    if (open) taken.push(String(headers['webhook-id']));
    // The event caused the failure: 0 to 6 s until the next attempt.
    response.writeHead(open ? 204 : 422).end();
  });
  const settings = {
    type: 'webhook',
    url: `http://127.0.0.1:${far.port}/`,
    secret: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
    allow_private_addresses: true,
    retry: { attempts: 50, base: '6s', cap: '6s' },
  };
  await using worker = await prepareWorker(real, [{ name: 'crm', settings }]);
  const ids = await publishEvents(log, 300);
  for (let kill = 1; kill <= 3; kill += 1) {
    const run = await worker.start();
    await until(
      () => delayedCopy(log).catch(() => 0),
      (count) => count >= 60 * kill,
      30_000,
    );
    run.kill('SIGKILL');
    await run.exit;
  }
  open = true;
  const last = await worker.start();
  await settled(log, 'crm', 'EVENTS', 40_000);
  await settled(log, 'crm', 'RETRY', 40_000);
  last.kill('SIGTERM');
  await last.exit;
  await far.close();
  expect(new Set(taken)).toEqual(new Set(ids));
  expect(await readDead(log)).toEqual([]);
}, 120_000);
