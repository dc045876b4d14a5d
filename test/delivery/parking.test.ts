import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { delivered, type Outcome } from '../../src/destinations/destination.ts';
import { startRealLog } from '../real-log.ts';
import {
  createTestSignals,
  destinationConfig,
  publishEvents,
  readAttempts,
  readDead,
  recording,
  settled,
  startWorker,
  until,
} from './rig.ts';

const away: Outcome = { kind: 'retry', fault: 'destination', reason: 'away', status: '503' };
const refused: Outcome = { kind: 'retry', fault: 'event', reason: 'no', status: '422' };

describe('an unreachable destination', () => {
  test('is probed with single events at growing intervals, and resumes at once', async () => {
    await using real = await startRealLog();
    const { metrics, signals } = createTestSignals();
    const told: [boolean, string][] = [];
    const watched = {
      ...signals,
      destinationParked: (name: string, parked: boolean, reason: string) => {
        told.push([parked, reason]);
        signals.destinationParked(name, parked, reason);
      },
    };
    const ids = await publishEvents(real.log, 3_000);
    let up = false;
    const destination = recording(() => (up ? delivered : away), { concurrency: 2 });
    const worker = await startWorker(real.log, destination, {
      signals: watched,
      probes: { baseMs: 30, capMs: 10_000 },
    });
    await until(
      () => destination.batchSizes.length,
      (length) => length >= 8,
    );
    const outage = destination.batchSizes.slice();
    // First two batches ran at once; then single events, a different one each time.
    const probes = outage.slice(2);
    expect(Math.max(...probes)).toBe(1);
    const events = destination.seen.slice(-probes.length);
    expect(new Set(events.map(({ sequence }) => sequence)).size).toBe(probes.length);
    const gaps = events.slice(1).map(({ atMs }, index) => atMs - events[index]!.atMs);
    for (const [index, gap] of gaps.entries()) expect(gap).toBeGreaterThan(30 * 2 ** index * 0.79);

    up = true;
    const wait = destination.batchSizes.length;
    await until(
      () => destination.batchSizes.length,
      (length) => length > wait,
    );
    const resumedMs = performance.now();
    await settled(real.log);
    expect(performance.now() - resumedMs).toBeLessThan(10_000);
    await worker.stop();

    expect(told).toEqual([
      [true, 'away'],
      [false, ''],
    ]);
    expect(metrics.deliveries.series('crm', 'delivered').value).toBe(ids.length);
    const attempts = await readAttempts(real.log);
    expect(attempts.filter(({ charged }) => charged)).toEqual([]);
    expect(attempts).toHaveLength(metrics.deliveries.series('crm', 'retried').value);
    expect(attempts.length).toBeLessThan(300);
    expect(await readDead(real.log)).toEqual([]);
    // Every event was delivered once.
    const info = await clientsForTests(real.log).manager.consumers.info('EVENTS_0', 'crm');
    expect(info.delivered.consumer_seq).toBe(ids.length);
  });

  test('holds only the events that the log delivers, and extends their acknowledgement wait', async () => {
    await using real = await startRealLog();
    await publishEvents(real.log, 4_500);
    const destination = recording(() => away);
    const ackWaitMs = 1_500;
    const worker = await startWorker(real.log, destination, {
      config: destinationConfig({ ackWaitMs }),
    });
    const readInfo = () => clientsForTests(real.log).manager.consumers.info('EVENTS_0', 'crm');
    await until(
      () => readInfo(),
      (info) => info.num_ack_pending === 4_096,
    );
    // Past the ack wait of every event, twice over.
    await sleep(3 * ackWaitMs);
    expect(await readInfo()).toMatchObject({
      num_ack_pending: 4_096,
      num_redelivered: 0,
      num_pending: 404,
    });
    await worker.stop();
  });

  test('a worker stops at once while its destination is parked', async () => {
    await using real = await startRealLog();
    await publishEvents(real.log, 100);
    const destination = recording(() =>
      destination.batchSizes.length > 4 ? new Promise<Outcome>(() => {}) : away,
    );
    const worker = await startWorker(real.log, destination, { stopGraceMs: 20_000 });
    await until(
      () => destination.batchSizes.length,
      (count) => count > 4,
    );
    const began = performance.now();
    await worker.stop();
    expect(performance.now() - began).toBeLessThan(15_000);
  });

  test('gives up no event, however often its worker is restarted', async () => {
    await using real = await startRealLog();
    const ids = await publishEvents(real.log, 300);
    const config = destinationConfig({ retry: { attempts: 1, baseMs: 1, capMs: 1 } });
    // More often than `trustedDeliveriesMax`, so that the last worker tries each event alone.
    for (let restart = 0; restart < 8; restart += 1) {
      const down = recording(() => away);
      const worker = await startWorker(real.log, down, { config });
      await until(
        () => down.batchSizes.length,
        (length) => length >= 3,
      );
      await worker.stop();
    }
    const up = recording();
    const worker = await startWorker(real.log, up, { config });
    await settled(real.log);
    await worker.stop();
    expect(up.seen.map(({ eventId }) => eventId).sort()).toEqual([...ids].sort());
    expect(await readDead(real.log)).toEqual([]);
    expect((await readAttempts(real.log)).filter(({ charged }) => charged)).toEqual([]);
  }, 30_000);

  test('deliveries during an outage are not charged to an event that is refused later', async () => {
    await using real = await startRealLog();
    await publishEvents(real.log, 1);
    for (let restart = 0; restart < 5; restart += 1) {
      const down = recording(() => away);
      const worker = await startWorker(real.log, down);
      await until(
        () => down.seen.length,
        (length) => length > 0,
      );
      await worker.stop();
    }
    const destination = recording(() => refused);
    const worker = await startWorker(real.log, destination);
    const [letter] = await until(
      () => readDead(real.log),
      (letters) => letters.length === 1,
    );
    await worker.stop();
    expect(destination.seen).toHaveLength(3);
    expect(letter!.attempts.filter(({ charged }) => charged)).toHaveLength(3);
    expect(letter!.attempts.filter(({ charged }) => !charged).length).toBeGreaterThanOrEqual(5);
  });
});

describe('an event that makes the destination fail', () => {
  test.for([1, 100])(
    'becomes a dead letter after its attempts, and does not block others: batches of %i',
    async (size) => {
      await using real = await startRealLog();
      const { metrics, signals } = createTestSignals();
      const odd = new Set([50, 333]);
      const destination = recording(() => sleep(1).then(() => delivered), {
        batchEventsMax: size,
        concurrency: size === 1 ? 8 : 1,
      });
      const picky: typeof destination = {
        ...destination,
        deliver: async (batch, signal) =>
          batch.some(({ sequence }) => odd.has(sequence))
            ? batch.map(() => ({ ...away, status: '500' }) as const)
            : destination.deliver(batch, signal),
      };
      await publishEvents(real.log, 1_000);
      const parked: boolean[] = [];
      const watched = {
        ...signals,
        destinationParked: (_name: string, now: boolean) => void parked.push(now),
      };
      const worker = await startWorker(real.log, picky, {
        signals: watched,
        config: destinationConfig({ retry: { attempts: 3, baseMs: 50, capMs: 50 } }),
      });
      await until(
        () => destination.seen.length,
        (length) => length === 998,
        4_000,
      );
      await until(
        async () => {
          await publishEvents(real.log, 2);
          return (await readDead(real.log)).length;
        },
        (length) => length === 2,
      );
      await settled(real.log);
      await worker.stop();
      const letters = await readDead(real.log);
      expect(new Set(letters.map(({ id }) => id))).toEqual(new Set(['crm:50', 'crm:333']));
      for (const { attempts } of letters) {
        expect(attempts.filter(({ charged }) => charged)).toHaveLength(3);
      }
      const charged = (await readAttempts(real.log)).filter((attempt) => attempt.charged);
      expect(new Set(charged.map(({ sequence }) => sequence))).toEqual(new Set(['50', '333']));
      expect(metrics.deliveries.series('crm', 'dead').value).toBe(2);
    },
  );

  test('refused events never park the destination', async () => {
    await using real = await startRealLog();
    const { metrics, signals } = createTestSignals();
    await publishEvents(real.log, 60);
    const destination = recording(() => refused);
    const worker = await startWorker(real.log, destination, { signals });
    await until(
      () => readDead(real.log),
      (letters) => letters.length === 60,
    );
    await worker.stop();
    expect(destination.seen).toHaveLength(180);
    expect(metrics.gauges.destinationParked.get('crm')).toBe(0);
  });

  test('is given up if it crashes its worker each time; other events are not', async () => {
    await using real = await startRealLog();
    await publishEvents(real.log, 5);
    const config = destinationConfig({
      ackWaitMs: 200,
      retry: { attempts: 2, baseMs: 1, capMs: 1 },
    });
    let crashes = 0;
    for (;;) {
      const log = await real.open();
      const { promise: crashed, resolve: crash } = Promise.withResolvers<void>();
      const destination = recording(({ sequence }) => {
        // Cut its connections, so that it cannot send anything more.
        if (sequence === 3) void sleep(100).then(log.close).then(crash);
        return new Promise<Outcome>(() => {});
      });
      const healthy: typeof destination = {
        ...destination,
        deliver: (batch, signal) =>
          batch.some(({ sequence }) => sequence === 3)
            ? destination.deliver(batch, signal)
            : Promise.resolve(batch.map(() => delivered)),
      };
      const worker = await startWorker(log, healthy, { config, stopGraceMs: 10 });
      const ended = until(
        () => readDead(real.log),
        (letters) => letters.length > 0,
        1_000,
      );
      const what = await Promise.race([crashed.then(() => 'crash'), ended.then(() => 'dead')]);
      await ended.catch(() => {});
      await worker.stop();
      if (what === 'dead') break;
      crashes += 1;
    }
    // Seven deliveries are trusted; after that each crash is charged to the event.
    expect(crashes).toBe(7 + 2);
    const letters = await readDead(real.log);
    expect(letters.map(({ id }) => id)).toEqual(['crm:3']);
    expect(letters[0]!.reason).toMatch(/its worker crashed or hung/);
    expect(letters[0]!.attempts.map(({ error }) => error).slice(0, 2)).toEqual(
      Array.from({ length: 2 }, () => 'its worker ended during this attempt'),
    );
  }, 60_000);
});
