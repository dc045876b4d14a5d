import { describe, expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { createDeadLetterGauges } from '../../src/dead-letters/gauges.ts';
import { delivered } from '../../src/destinations/destination.ts';
import {
  countMessages,
  createTestSignals,
  destinationConfig,
  makeDead,
  publishEvents,
  readDead,
  recording,
  settled,
  startWorker,
  until,
} from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';
import { asMessage, connectService, everything, makeSound, openQueue } from './dead-rig.ts';
import { storedEvents } from '../stored-events.ts';

describe('the dead-letter queue', () => {
  test('a replay reaches the one destination that failed, as the same event, byte for byte', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const [id] = await makeDead(log, 1, { properties: '{"n":12345678901234567890}' });
    const crm = recording();
    const warehouse = recording();
    const payloads: string[] = [];
    const workers = [
      await startWorker(log, {
        ...crm,
        deliver: (batch, signal) => {
          payloads.push(...batch.map(({ payload }) => Buffer.from(payload).toString()));
          return crm.deliver(batch, signal);
        },
      }),
      await startWorker(log, warehouse, { config: destinationConfig({ name: 'warehouse' }) }),
    ];
    await until(
      () => warehouse.seen.length,
      (length) => length === 1,
    );
    const queue = await openQueue(log);
    expect(await queue.replay('crm:1')).toBe(1);
    await settled(log, 'crm', 'REPLAY');
    await Promise.all(workers.map((worker) => worker.stop()));

    expect(crm.seen.map(({ eventId }) => eventId)).toEqual([id]);
    expect(warehouse.seen).toHaveLength(1);
    expect(await readDead(log)).toEqual([]);
    for await (const { payload, header } of storedEvents(log)) {
      expect(payloads).toEqual([Buffer.from(payload).toString()]);
      expect(header('traceparent')).toMatch(/^00-/);
    }
    await expect(queue.replay('crm:1')).rejects.toMatchObject({ code: 'dead_letter_not_found' });
  });

  test('a replay that fails again creates a new entry, which can be replayed, too', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await makeDead(log, 2);
    const queue = await openQueue(log);
    await queue.replay('crm:2');
    let fails = true;
    const worker = await startWorker(
      log,
      recording(() => (fails ? { kind: 'dead', reason: 'again' } : delivered)),
    );
    await until(
      () => readDead(log),
      (found) => found.some(({ id }) => id === 'crm:2:1'),
    );
    expect(asMessage(await queue.get('crm:2:1'))).toMatchObject({
      deadLetter: { stream: 'REPLAY', sequence: 1n },
    });
    await queue.replay('crm:2:1');
    const again = await until(
      () => readDead(log),
      (found) => found.some(({ id }) => id === 'crm:2:2'),
    );
    expect(again.map(({ id }) => id)).toEqual(['crm:1', 'crm:2:2']);
    fails = false;
    await queue.replay('crm:2:2');
    await settled(log, 'crm', 'REPLAY');
    await worker.stop();
    expect(await readDead(log)).toMatchObject([{ id: 'crm:1' }]);
  });

  test('a discarded entry is kept with the reason, and no longer counts as dead', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const [id] = await makeDead(log, 1);
    const queue = await openQueue(log);
    await queue.discard('crm:1', 'a test order');
    expect(await readDead(log)).toEqual([]);
    const kept = await readDead(log, 'headgate.discarded.crm.order_completed');
    expect(kept).toMatchObject([
      { id: 'crm:1', discardedWhy: 'a test order', reason: 'never', event: { eventId: id } },
    ]);
    expect(kept[0]!.discardedAt).toBeDefined();
    await expect(queue.get('crm:1')).rejects.toMatchObject({ code: 'dead_letter_not_found' });
  });

  test('a bulk replay leaves alone what was added or fixed after the count', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await makeSound(log, 2);
    const queue = await openQueue(log);
    const service = connectService(queue);
    const { count, walk } = await service.countDeadLetters({});
    expect([count, walk?.upTo]).toEqual([2n, 2n]);
    await queue.fix('crm:1', 0, {
      eventJson: '',
      edits: [{ path: '/user_id', valueJson: '"fixed"' }],
    });
    await makeSound(log, 1);
    const { results } = await service.replayDeadLetters({ sequenceMax: walk!.upTo });
    expect(results).toMatchObject([{ id: 'crm:2', code: '' }]);
    expect((await service.countDeadLetters({})).count).toBe(2n);
    expect((await service.replayDeadLetters({})).results).toHaveLength(2);
  });

  test('keeps the dead letter if the log does not store the replay', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await makeDead(log, 1);
    const { config } = await clientsForTests(log).manager.streams.info('REPLAY');
    await clientsForTests(log).manager.streams.update('REPLAY', { ...config, max_bytes: 1 });
    const queue = await openQueue(log);
    await expect(queue.replay('crm:1')).rejects.toMatchObject({ code: 'stream_full' });
    expect(await readDead(log)).toHaveLength(1);
  });

  test('lists by destination and event in pages, and sees changes of other processes', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await makeDead(log, 5);
    await makeDead(log, 2, { eventName: 'page_viewed' });
    const queue = await openQueue(log);
    const all = everything;
    const first = await queue.list(all, 4, '');
    expect(first).toMatchObject({ total: 7, nextPageToken: 'dead:5-1-7' });
    const second = await queue.list(all, 4, first.nextPageToken);
    expect(second).toMatchObject({ total: 7, nextPageToken: '' });
    const ids = [...first.deadLetters, ...second.deadLetters].map(({ id }) => id);
    expect(ids.sort()).toEqual([1, 2, 3, 4, 5, 6, 7].map((sequence) => `crm:${sequence}`));
    const viewed = { ...all, destination: 'crm', eventName: 'page_viewed' };
    expect(await queue.list(viewed, 10, '')).toMatchObject({ total: 2 });
    expect(await queue.list({ ...all, destination: 'warehouse' }, 10, '')).toMatchObject({
      total: 0,
    });
    expect(await queue.list({ ...all, destination: '*' }, 10, '')).toMatchObject({ total: 0 });

    await queue.get('crm:1');
    const other = await openQueue(await real.open());
    await other.discard('crm:1', 'elsewhere');
    await expect(queue.get('crm:1')).rejects.toMatchObject({ code: 'dead_letter_not_found' });
    await makeDead(log, 1);
    expect(await queue.get('crm:8')).toMatchObject({ deadLetter: { id: 'crm:8' } });
  });

  test('shows waiting events and dead letters', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await makeDead(log, 3);
    await publishEvents(log, 4);
    const { metrics, signals } = createTestSignals();
    const queue = await openQueue(log);
    const gauges = createDeadLetterGauges({
      log,
      queue,
      destinations: ['crm', 'warehouse'],
      signals,
    });
    await queue.replay('crm:3');
    await gauges.update();
    expect(metrics.gauges.deadLetters.get('crm')).toBe(2);
    expect(metrics.gauges.deadLetterOldest.get('crm')).toBeGreaterThan(Date.now() / 1_000 - 60);
    expect(metrics.gauges.destinationPending.get('crm')).toBe(5);
    expect(metrics.gauges.destinationOldest.get('crm')).toBeGreaterThan(Date.now() / 1_000 - 60);
    expect(metrics.gauges.destinationOldest.get('warehouse')).toBe(0);
    expect(metrics.gauges.deadLetters.get('warehouse')).toBe(0);
    await gauges.stop();
    expect(await countMessages(log, 'REPLAY')).toBe(1);
  });
});
