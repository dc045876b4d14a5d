import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import {
  ensureLaneConsumer,
  laneConsumer,
} from '../../src/jetstream/consume/lane/lane-consumer.ts';
import { deleteLaneCopies, storeLaneCopy } from '../../src/jetstream/consume/lane/lane-copies.ts';
import { openPull } from '../../src/jetstream/consume/pull.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { createRedeliveryJobs } from '../../src/redelivery/jobs.ts';
import { createLaneRoom } from '../../src/redelivery/lane-room.ts';
import { publishEvents, until } from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';
import { storedEvents } from '../stored-events.ts';
import { arrived, everything, inState, jobOf, opening, startProcess } from './lane-rig.ts';

/** Lets the lane's consumer say that it knows of no copy yet, until the returned function is called. */
function countNothing(log: Log): () => void {
  const { consumers } = clientsForTests(log).manager;
  const info = consumers.info.bind(consumers);
  consumers.info = async (stream, name) => {
    const found = await info(stream, name);
    if (name !== laneConsumer('crm')) return found;
    const none = { ...found.delivered, consumer_seq: 0, stream_seq: 0 };
    return { ...found, num_pending: 0, num_ack_pending: 0, delivered: none, ack_floor: none };
  };
  return () => {
    consumers.info = info;
  };
}

test('a lane is settled when its consumer has passed the last copy, not when it counts none', async () => {
  await using real = await startRealLog();
  const { log } = real;
  await publishEvents(log, 3);
  await ensureLaneConsumer(log, 'crm', { from: 1, ackWaitMs: 5_000, ackPendingMax: 10 });
  const room = await createLaneRoom(log, 'crm');
  // It has never delivered, and there is nothing to deliver.
  expect(await room.isSettled()).toBe(true);
  for await (const event of storedEvents(log)) await storeLaneCopy(log, 'crm', 'a', event);
  for await (const event of storedEvents(log)) await storeLaneCopy(log, 'warehouse', 'a', event);
  const count = countNothing(log);
  expect([await room.readWaiting(), await room.isSettled()]).toEqual([0, false]);
  count();
  expect([await room.readWaiting(), await room.isSettled()]).toEqual([3, false]);
  const pull = await openPull({
    log,
    stream: 'REPLAY',
    consumer: laneConsumer('crm'),
    messagesMax: 10,
    onMessage: (message) => message.ack(),
    onTrouble: () => {},
  });
  await until(room.isSettled, (isSettled) => isSettled);
  await pull.stop();
  // Copies that somebody has deleted never arrive.
  for await (const event of storedEvents(log)) await storeLaneCopy(log, 'crm', 'b', event);
  expect(await until(room.readWaiting, (waiting) => waiting === 3)).toBe(3);
  expect(await room.isSettled()).toBe(false);
  await deleteLaneCopies(log, 'crm');
  await until(room.isSettled, (isSettled) => isSettled);
});

test('a redelivery does not end while its consumer has not counted its copies', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const { destination, open, seen } = opening();
  await startProcess(log, destination);
  await publishEvents(log, 20);
  await arrived(log, seen, 20);
  open(false);
  const count = countNothing(log);
  const { id } = await createRedeliveryJobs(log).start('crm', everything, 20_000);
  await until(
    () => jobOf(log, id),
    ({ sent }) => sent === 20,
  );
  await sleep(1_000);
  expect((await jobOf(log, id)).state).toBe('running');
  open(true);
  count();
  await inState(log, id, 'done', 5_000);
  expect(seen()).toBe(20);
});
