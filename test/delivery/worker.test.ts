import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { delivered } from '../../src/destinations/destination.ts';
import { readMatching } from '../../src/jetstream/read/read.ts';
import { startRealLog } from '../real-log.ts';
import {
  countMessages,
  createTestSignals,
  destinationConfig,
  publishEvents,
  readDead,
  recording,
  settled,
  startWorker,
  unsettled,
  until,
} from './rig.ts';

const retryOf = (fault: 'destination' | 'event', notBeforeMs?: number) =>
  ({
    kind: 'retry',
    fault,
    reason: 'busy',
    status: '503',
    ...(notBeforeMs === undefined ? {} : { notBeforeMs }),
  }) as const;

describe('a delivery worker', () => {
  test('delivers each event once, in batches under load, with bounded concurrency', async () => {
    await using real = await startRealLog();
    const { metrics, signals } = createTestSignals();
    const ids = await publishEvents(real.log, 500);
    const destination = recording(() => sleep(2).then(() => delivered), {
      batchEventsMax: 50,
      concurrency: 3,
    });
    const worker = await startWorker(real.log, destination, { signals });
    await settled(real.log);
    await worker.stop();

    expect(destination.seen.map(({ eventId }) => eventId).sort()).toEqual([...ids].sort());
    expect(Math.max(...destination.batchSizes)).toBeLessThanOrEqual(50);
    expect(destination.batchSizes.length).toBeLessThan(100);
    expect(destination.together()).toBe(3);
    expect(metrics.deliveries.series('crm', 'delivered').value).toBe(500);
    expect(await clientsForTests(real.log).manager.consumers.info('EVENTS_0', 'crm')).toMatchObject(
      {
        ack_floor: { stream_seq: 500 },
      },
    );
  });

  test.each([undefined, 4_200])(
    'holds at most as many events as its destination says, %s, or 4,096',
    async (heldEventsMax) => {
      const heldMax = heldEventsMax ?? 4_096;
      await using real = await startRealLog();
      await publishEvents(real.log, heldMax + 1);
      const gate = Promise.withResolvers<void>();
      const held = recording(() => gate.promise.then(() => delivered), { batchEventsMax: 50 });
      const worker = await startWorker(real.log, {
        ...held,
        ...(heldEventsMax !== undefined && { heldEventsMax }),
      });
      const { consumers } = clientsForTests(real.log).manager;
      const read = async () => {
        const { config, num_ack_pending, num_pending } = await consumers.info('EVENTS_0', 'crm');
        return { most: config.max_ack_pending, num_ack_pending, num_pending };
      };
      await expect.poll(read).toEqual({ most: heldMax, num_ack_pending: heldMax, num_pending: 1 });
      gate.resolve();
      await settled(real.log);
      await worker.stop();
      expect(held.seen).toHaveLength(heldMax + 1);
    },
  );

  test('acks events that its globs do not match, and delivers the others', async () => {
    await using real = await startRealLog();
    const { metrics, signals } = createTestSignals();
    const wanted = await publishEvents(real.log, 3);
    await publishEvents(real.log, 4, { eventName: 'page_viewed' });
    const destination = recording();
    const worker = await startWorker(real.log, destination, {
      signals,
      config: destinationConfig({ events: ['order_*'] }),
    });
    await settled(real.log);
    await worker.stop();
    expect(destination.seen.map(({ eventId }) => eventId).sort()).toEqual([...wanted].sort());
    expect(metrics.deliveries.series('crm', 'filtered').value).toBe(4);
  });

  test('retries after the delay that the destination requested, and reports each attempt', async () => {
    await using real = await startRealLog();
    const [id] = await publishEvents(real.log, 1);
    const destination = recording(({ attempt }) =>
      attempt === 1 ? retryOf('destination', 400) : delivered,
    );
    const worker = await startWorker(real.log, destination);
    await settled(real.log);
    await worker.stop();

    expect(destination.seen.map(({ attempt }) => attempt)).toEqual([1, 2]);
    const [first, second] = destination.seen;
    expect(second!.atMs - first!.atMs).toBeGreaterThanOrEqual(390);
    const attempts = [];
    for await (const { payload } of readMatching(real.log, 'ATTEMPTS', 'headgate.attempts.crm.1')) {
      attempts.push(JSON.parse(Buffer.from(payload).toString()));
    }
    expect(attempts).toMatchObject([
      {
        destination: 'crm',
        sequence: '1',
        eventId: id,
        attempt: 1,
        status: '503',
        error: 'busy',
        correlationId: `c-${id}`,
        stream: 'EVENTS',
      },
    ]);
    expect(await readDead(real.log)).toEqual([]);
  });

  test('stores an event as a dead letter after its last attempt, and then acks it', async () => {
    await using real = await startRealLog();
    const { metrics, signals } = createTestSignals();
    const [id] = await publishEvents(real.log, 1, { properties: '{"n":12345678901234567890}' });
    const destination = recording(() => retryOf('event'));
    let unsettledWhenStored = -1;
    const { createDeadLetterWriter } = await import('../../src/dead-letters/write-dead-letter.ts');
    const write = createDeadLetterWriter({ log: real.log, signals });
    const worker = await startWorker(real.log, destination, {
      signals,
      giveUp: async (event) => {
        await write(event);
        unsettledWhenStored = await unsettled(real.log);
      },
    });
    await settled(real.log);
    await worker.stop();

    expect(unsettledWhenStored).toBe(1);
    expect(destination.seen.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    const [letter] = await readDead(real.log);
    expect(letter).toMatchObject({
      id: 'crm:1',
      destination: 'crm',
      stream: 'EVENTS',
      reason: 'busy',
      event: { eventId: id },
    });
    expect(letter!.attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(metrics.deliveries.series('crm', 'retried').value).toBe(2);
    expect(metrics.deliveries.series('crm', 'dead').value).toBe(1);
    // A `term` would have left an advisory, from which the entry could come back to life.
    expect(await countMessages(real.log, 'ADVISORIES')).toBe(0);
    for await (const { payload, header } of readMatching(real.log, 'DEAD', '>')) {
      expect(Buffer.from(payload).toString()).toContain('12345678901234567890');
      expect(header('Headgate-Correlation-Id')).toBe(`c-${id}`);
      expect(header('traceparent')).toMatch(/^00-/);
    }
  });

  test('an outcome `dead` ends the attempts, and does not affect other events', async () => {
    await using real = await startRealLog();
    const ids = await publishEvents(real.log, 20);
    const destination = recording(({ sequence }) =>
      sequence === 7 ? { kind: 'dead', reason: 'never', status: '400' } : delivered,
    );
    const worker = await startWorker(real.log, destination);
    await settled(real.log);
    await worker.stop();
    expect(destination.seen).toHaveLength(20);
    expect(await readDead(real.log)).toMatchObject([{ id: 'crm:7', reason: 'never' }]);
    expect(ids).toHaveLength(20);
  });

  test('loses no event while DEAD is full, and stores the entry as soon as there is room', async () => {
    await using real = await startRealLog();
    const { config } = await clientsForTests(real.log).manager.streams.info('DEAD');
    await clientsForTests(real.log).manager.streams.update('DEAD', { ...config, max_bytes: 1 });
    await publishEvents(real.log, 1);
    const destination = recording(() => ({ kind: 'dead', reason: 'never' }));
    const worker = await startWorker(real.log, destination);
    await until(
      () => destination.seen.length,
      (length) => length === 1,
    );
    await sleep(200);
    expect(await unsettled(real.log)).toBe(1);
    await clientsForTests(real.log).manager.streams.update('DEAD', config);
    await settled(real.log);
    await worker.stop();
    expect(await readDead(real.log)).toMatchObject([{ id: 'crm:1' }]);
  }, 20_000);

  test.for([
    ['throws', async () => Promise.reject(new Error('a bug'))],
    ['answers too few outcomes', async () => [delivered]],
    ['answers nothing', async () => undefined as never],
  ] as const)('a destination that %s: the batch is tried again', async ([, misbehave]) => {
    await using real = await startRealLog();
    await publishEvents(real.log, 10);
    let calls = 0;
    const good = recording();
    const destination = {
      ...good,
      deliver: async (batch: Parameters<typeof good.deliver>[0], signal: AbortSignal) => {
        calls += 1;
        return calls === 1 ? misbehave() : good.deliver(batch, signal);
      },
    };
    const worker = await startWorker(real.log, destination);
    await settled(real.log);
    await worker.stop();
    expect(new Set(good.seen.map(({ sequence }) => sequence)).size).toBe(10);
    expect(await readDead(real.log)).toEqual([]);
  });

  test('an undecodable event becomes a dead letter, and does not fail its batch', async () => {
    await using real = await startRealLog();
    await publishEvents(real.log, 2);
    await real.log.store('EVENTS', 'headgate.events.0.shop.order_completed', {}, 'not {json');
    await publishEvents(real.log, 2);
    const good = recording();
    const destination = {
      ...good,
      deliver: async (batch: Parameters<typeof good.deliver>[0], signal: AbortSignal) => {
        for (const { event } of batch) event();
        return good.deliver(batch, signal);
      },
    };
    const worker = await startWorker(real.log, destination);
    await settled(real.log);
    await worker.stop();
    expect(good.seen.map(({ sequence }) => sequence).sort()).toEqual([1, 2, 4, 5]);
    const letters = await readDead(real.log);
    expect(letters).toMatchObject([{ id: 'crm:3' }]);
    expect(letters[0]!.reason).toMatch(/not a stored event: it is not JSON/);
    for await (const { header } of readMatching(real.log, 'DEAD', '>')) {
      expect(Buffer.from(header('Headgate-Raw-Event'), 'base64').toString()).toBe('not {json');
    }
  });

  test('an event that fails its whole batch does not make other events fail', async () => {
    await using real = await startRealLog();
    await publishEvents(real.log, 10);
    const good = recording();
    const destination = {
      ...good,
      deliver: async (batch: Parameters<typeof good.deliver>[0], signal: AbortSignal) => {
        if (batch.some(({ sequence }) => sequence === 4)) throw new Error('poison');
        return good.deliver(batch, signal);
      },
    };
    const worker = await startWorker(real.log, destination);
    // A lone failure counts as an outage until other events get through.
    let count = 10;
    await until(
      async () => {
        count += (await publishEvents(real.log, 1)).length;
        return (await readDead(real.log)).length;
      },
      (length) => length === 1,
    );
    await settled(real.log);
    await worker.stop();
    const [letter] = await readDead(real.log);
    expect(letter).toMatchObject({ id: 'crm:4' });
    expect(letter!.attempts.filter(({ charged }) => charged)).toHaveLength(3);
    expect(good.seen.map(({ sequence }) => sequence).sort((x, y) => x - y)).toEqual(
      Array.from({ length: count }, (_, index) => index + 1).filter((each) => each !== 4),
    );
  });

  test('an event whose call outlasts the acknowledgement wait is not redelivered', async () => {
    await using real = await startRealLog();
    await publishEvents(real.log, 3);
    const destination = recording(() => sleep(700).then(() => delivered), { batchEventsMax: 1 });
    const worker = await startWorker(real.log, destination, {
      config: destinationConfig({ ackWaitMs: 200 }),
    });
    await settled(real.log);
    await worker.stop();
    expect(destination.seen.map(({ attempt }) => attempt)).toEqual([1, 1, 1]);
    const { delivered: handedOut } = await clientsForTests(real.log).manager.consumers.info(
      'EVENTS_0',
      'crm',
    );
    expect(handedOut.consumer_seq).toBe(3);
  });

  test('ends a hanging call after ten acknowledgement waits, and tries its events again', async () => {
    await using real = await startRealLog();
    await publishEvents(real.log, 1);
    let aborted = 0;
    const destination = recording(({ attempt }, signal) => {
      if (attempt > 1) return delivered;
      signal.addEventListener('abort', () => (aborted += 1));
      return new Promise(() => {});
    });
    const worker = await startWorker(real.log, destination, {
      config: destinationConfig({ ackWaitMs: 100 }),
    });
    await settled(real.log);
    await worker.stop();
    expect(aborted).toBe(1);
    expect(destination.seen.map(({ attempt }) => attempt)).toEqual([1, 2]);
  });
});
