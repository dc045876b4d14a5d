import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { delivered } from '../../src/destinations/destination.ts';
import { createJanitor } from '../../src/jetstream/consume/janitor.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { readMessage } from '../../src/jetstream/read/read.ts';
import {
  ensureDestinationConsumer,
  listConsumingDestinations,
} from '../../src/jetstream/consume/destination-consumer.ts';
import { readFilterEras, recordFilter } from '../../src/jetstream/consume/filter-history.ts';
import { consumedStreams } from '../../src/jetstream/topology.ts';
import { startRealLog } from '../real-log.ts';
import {
  countMessages,
  giveUpSecond,
  destinationConfig,
  makeDead,
  publishEvents,
  readDead,
  recording,
  settled,
  startCollector,
  startWorker,
  unsettled,
  until,
} from './rig.ts';
import { openQueue } from '../dead-letters/dead-rig.ts';
import { partAt } from '../../src/jetstream/events/event-streams.ts';
import { natsStream } from '../nats-stream.ts';

const firstOf = async (log: Log, stream = 'EVENTS') =>
  (await clientsForTests(log).manager.streams.info(natsStream(stream))).state.first_seq;

const janitorOf = (log: Log, retentionMs: number, destinations = ['crm']) =>
  createJanitor({ log, retentionMs, destinations, onTrouble: () => {} });

async function deliverAll(log: Log, name: string): Promise<void> {
  const worker = await startWorker(log, recording(), { config: destinationConfig({ name }) });
  await settled(log, name);
  await worker.stop();
}

describe('the janitor', () => {
  test('reports a removed destination that holds events, also of an earlier version', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const { manager } = clientsForTests(log);
    const options = { attempts: 10, ackWaitMs: 2_000, ackPendingMax: 100 };
    for (const stream of consumedStreams) {
      await ensureDestinationConsumer(log, stream, 'gone', options);
      await ensureDestinationConsumer(log, stream, 'crm', options);
      // As an earlier version made it: without metadata of ours.
      await manager.consumers.add(natsStream(stream), {
        durable_name: 'old',
        ack_policy: 'explicit',
        ...(stream === 'EVENTS'
          ? {}
          : { filter_subject: `headgate.${stream.toLowerCase()}.old.>` }),
      });
    }
    await manager.consumers.add('EVENTS_0', { durable_name: 'report', ack_policy: 'explicit' });
    await publishEvents(log, 3);
    await sleep(10);
    const forgotten: string[] = [];
    const janitor = createJanitor({
      log,
      retentionMs: 1,
      destinations: ['crm'],
      onTrouble: () => {},
      onForgotten: (name) => forgotten.push(name),
    });
    expect(await janitor.run()).toBe(0);
    expect(forgotten.sort()).toEqual(['gone', 'old']);
    expect(await listConsumingDestinations(log)).toEqual(['crm', 'gone', 'old']);
    await recordFilter(log, partAt(log, 'EVENTS', 1)!, 'gone', { events: ['a'], sources: [] });
    await ensureDestinationConsumer(log, 'EVENTS', 'gone', options);
    const { config } = await manager.consumers.info('EVENTS_0', 'gone');
    expect(readFilterEras(config)).toEqual([{ from: 1, events: ['a'], sources: [] }]);
  });

  test('deletes events that are older than the retention and settled everywhere', async () => {
    await using real = await startRealLog({ durability: 'fsync' });
    const { log } = real;
    await publishEvents(log, 10);
    await sleep(400);
    await publishEvents(log, 5);
    const retentionMs = 300;
    await deliverAll(log, 'crm');
    // The warehouse has no consumer yet, but must get every event.
    expect(await janitorOf(log, retentionMs, ['crm', 'warehouse']).run()).toBe(0);
    await deliverAll(log, 'warehouse');
    expect(await janitorOf(log, 3_600_000, ['crm', 'warehouse']).run()).toBe(0);
    const young = (await readMessage(log, 'EVENTS', 11))!.storedAtMs;
    const janitor = createJanitor({
      log,
      retentionMs,
      destinations: ['crm', 'warehouse'],
      onTrouble: () => {},
      now: () => young + retentionMs,
    });
    expect(await janitor.run()).toBe(10);
    expect(await firstOf(log)).toBe(11);
    // The log still accepts and syncs events.
    await publishEvents(log, 1);
    // All events are old now; the last one stays.
    await deliverAll(log, 'crm');
    await deliverAll(log, 'warehouse');
    await sleep(20);
    await janitorOf(log, 1, ['crm', 'warehouse']).run();
    expect(await countMessages(log, 'EVENTS')).toBe(1);
  });

  test('keeps events that any consumer has not settled or not delivered yet', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await publishEvents(log, 10);
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const worker = await startWorker(
      log,
      recording(({ sequence }) => (sequence === 4 ? released.then(() => delivered) : delivered), {
        batchEventsMax: 1,
        concurrency: 10,
      }),
    );
    await until(
      () => unsettled(log),
      (count) => count === 1,
    );
    await sleep(20);
    expect(await janitorOf(log, 1).run()).toBe(3);
    expect(await firstOf(log)).toBe(4);
    release();
    await settled(log);
    await worker.stop();

    await ensureDestinationConsumer(log, 'EVENTS', 'old-one', {
      attempts: 2,
      ackWaitMs: 500,
      ackPendingMax: 9,
    });
    const told: [string, number][] = [];
    const janitor = createJanitor({
      log,
      retentionMs: 1,
      destinations: ['crm'],
      onTrouble: () => {},
      onForgotten: (...one) => told.push(one),
    });
    expect(await janitor.run()).toBe(0);
    expect(await janitor.run()).toBe(0);
    expect(told).toEqual([['old-one', 7]]);
    await clientsForTests(log).manager.consumers.delete('EVENTS_0', 'old-one');
    expect(await janitorOf(log, 1).run()).toBe(6);
  });

  test('keeps an event that the log gave up on until its dead letter is stored', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const pull = await giveUpSecond(log);
    await janitorOf(log, 1).run();
    expect(await firstOf(log)).toBe(2);

    const { collector } = await startCollector(log);
    await settled(log, 'dead-letters', 'ADVISORIES');
    await collector.stop();
    await pull.stop();
    await janitorOf(log, 1).run();
    expect(await firstOf(log)).toBe(10);
    expect(await readDead(log)).toMatchObject([{ id: 'crm:2' }]);
  });

  test('keeps an event that failed for the last time while no worker pulls', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await publishEvents(log, 5);
    await ensureDestinationConsumer(log, 'EVENTS', 'crm', {
      attempts: 1,
      ackWaitMs: 200,
      ackPendingMax: 9,
    });
    // Asked for one by one, so that no pull waits once it has failed; whether the advisory is there
    // by then differs between servers, and must not matter.
    for (let sequence = 1; sequence <= 5; sequence += 1) {
      const next = '$JS.API.CONSUMER.MSG.NEXT.EVENTS_0.crm';
      const message = await clientsForTests(log).connection.request(
        next,
        '{"batch":1,"no_wait":true}',
        {
          noMux: true,
          timeout: 1_000,
        },
      );
      if (sequence !== 2) clientsForTests(log).connection.publish(message.reply!, '+ACK');
    }
    await clientsForTests(log).connection.flush();
    await sleep(600);
    await janitorOf(log, 1).run();
    expect(await firstOf(log)).toBe(2);
  });

  test('replays of one destination do not block the replays of another', async () => {
    await using real = await startRealLog();
    const { log } = real;
    for (const name of ['crm', 'warehouse']) {
      await ensureDestinationConsumer(log, 'REPLAY', name, {
        attempts: 2,
        ackWaitMs: 500,
        ackPendingMax: 9,
      });
    }
    for (let count = 0; count < 4; count += 1) {
      await log.store('REPLAY', 'headgate.replay.crm.order_completed', {}, '{"eventId":"x"}');
    }
    await log.store('REPLAY', 'headgate.replay.warehouse.order_completed', {}, '{"eventId":"x"}');
    await sleep(20);
    expect(await janitorOf(log, 1, ['crm', 'warehouse']).run()).toBe(0);
    const worker = await startWorker(log, recording());
    await settled(log, 'crm', 'REPLAY');
    await worker.stop();
    expect(await janitorOf(log, 1, ['crm', 'warehouse']).run()).toBe(4);
    expect(await firstOf(log, 'REPLAY')).toBe(5);
  });

  test('deletes only discarded dead letters, after 30 days', async () => {
    await using real = await startRealLog({ durability: 'fsync' });
    const { log } = real;
    await makeDead(log, 3);
    const queue = await openQueue(log);
    await queue.discard('crm:2', 'a test order');
    const later = (days: number, retentionMs: number) =>
      createJanitor({
        log,
        retentionMs,
        destinations: ['crm'],
        onTrouble: () => {},
        now: () => Date.now() + days * 86_400_000,
      });
    await later(29, 1).run();
    await later(60, 61 * 86_400_000).run();
    expect(await readDead(log, 'headgate.discarded.>')).toHaveLength(1);
    await later(31, 86_400_000).run();
    expect(await readDead(log, 'headgate.discarded.>')).toEqual([]);
    expect((await readDead(log)).map(({ id }) => id)).toEqual(['crm:1', 'crm:3']);
  });
});
