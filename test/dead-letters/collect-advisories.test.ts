import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { subjects } from '../../src/jetstream/topology.ts';
import {
  countMessages,
  crashOn,
  publishEvents,
  readDead,
  startCollector,
  unsettled,
  until,
} from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';

const collected = (log: Log) => unsettled(log, 'dead-letters', 'ADVISORIES');

describe('the collector of advisories', () => {
  test('writes the dead letter of an event that crashed its worker each time', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const ids = await publishEvents(log, 5);
    await log.store(
      'ATTEMPTS',
      subjects.attempt('crm', 3),
      {},
      JSON.stringify({
        destination: 'crm',
        sequence: '3',
        attempt: 1,
        error: 'told before the crash',
        stream: 'EVENTS',
      }),
    );
    await log.store(
      'ATTEMPTS',
      subjects.attempt('crm', 3),
      {},
      JSON.stringify({
        destination: 'crm',
        sequence: '3',
        attempt: 1,
        error: 'of another event',
        stream: 'REPLAY',
      }),
    );
    const worker = await crashOn(log, [3]);
    const { collector } = await startCollector(log);
    const letters = await until(
      () => readDead(log),
      (found) => found.length > 0,
    );
    await until(
      () => collected(log),
      (count) => count === 0,
    );
    await collector.stop();
    await worker.stop();
    expect(letters).toMatchObject([{ id: 'crm:3', stream: 'EVENTS', event: { eventId: ids[2] } }]);
    expect(letters[0]!.reason).toMatch(/delivered 2 times and never settled/);
    expect(letters[0]!.attempts).toMatchObject([{ error: 'told before the crash' }]);
  });

  test('writes one entry, even if the worker wrote it before it crashed', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await publishEvents(log, 1);
    const { collector, write } = await startCollector(log);
    const { readMessage } = await import('../../src/jetstream/read/read.ts');
    const message = (await readMessage(log, 'EVENTS', 1))!;
    await write({ destination: 'crm', stream: 'EVENTS', message, reason: 'by the worker' });
    const worker = await crashOn(log, [1]);
    await until(
      () => countMessages(log, 'ADVISORIES'),
      (count) => count === 1,
    );
    await until(
      () => collected(log),
      (count) => count === 0,
    );
    await collector.stop();
    await worker.stop();
    expect(await readDead(log)).toMatchObject([{ id: 'crm:1', reason: 'by the worker' }]);
  });

  test('processes advisories that were sent before it started', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await publishEvents(log, 1);
    const worker = await crashOn(log, [1]);
    await until(
      () => countMessages(log, 'ADVISORIES'),
      (count) => count === 1,
    );
    await worker.stop();
    real.killServer();
    await sleep(200);
    await until(
      () =>
        log.probe().then(
          () => true,
          () => false,
        ),
      Boolean,
    );
    const { collector } = await startCollector(log);
    const letters = await until(
      () => readDead(log),
      (found) => found.length === 1,
    );
    await collector.stop();
    expect(letters).toMatchObject([{ id: 'crm:1' }]);
  }, 20_000);

  test('keeps advisories while DEAD is full; drops an advisory of an unknown destination', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const { config } = await clientsForTests(log).manager.streams.info('DEAD');
    await clientsForTests(log).manager.streams.update('DEAD', { ...config, max_bytes: 1 });
    await publishEvents(log, 2);
    const worker = await crashOn(log, [2]);
    const { collector } = await startCollector(log);
    await until(
      () => countMessages(log, 'ADVISORIES'),
      (count) => count === 1,
    );
    await sleep(500);
    expect(await collected(log)).toBe(1);
    await clientsForTests(log).manager.streams.update('DEAD', config);
    await until(
      () => collected(log),
      (count) => count === 0,
    );
    await collector.stop();
    await worker.stop();
    expect(await readDead(log)).toMatchObject([{ id: 'crm:2' }]);
  });

  test('drops advisories about unknown destinations and deleted events', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const advise = (consumer: string, sequence: number) =>
      log.store(
        'ADVISORIES',
        `$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.EVENTS.${consumer}`,
        {},
        JSON.stringify({ stream: 'EVENTS', consumer, stream_seq: sequence, deliveries: 5 }),
      );
    await publishEvents(log, 1);
    await advise('a-person', 1);
    await advise('crm', 99);
    await log.store(
      'ADVISORIES',
      '$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.EVENTS.crm',
      {},
      'junk',
    );
    const { collector } = await startCollector(log);
    await until(
      () => collected(log),
      (count) => count === 0,
    );
    await collector.stop();
    expect(await readDead(log)).toEqual([]);
  });
});
