import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { clientsForTests, withClients } from '../../src/jetstream/clients.ts';
import { deleteDestinationConsumers } from '../../src/jetstream/consume/destination-consumer.ts';
import type { Log } from '../../src/jetstream/log.ts';
import {
  countMessages,
  destinationConfig,
  giveUpSecond,
  makeDead,
  readDead,
  recording,
  settled,
  startCollector,
  startWorker,
  unsettled,
  until,
} from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';
import { connectService, losing, openQueue } from './dead-rig.ts';

/** Removes `crm`, and adds it again with a destination that refuses everything. Returns what it got. */
async function addAgain(log: Log): Promise<number> {
  await deleteDestinationConsumers(log, 'crm');
  const refusing = recording(() => ({ kind: 'dead', reason: 'the new crm refuses it' }));
  const worker = await startWorker(log, refusing);
  await settled(log);
  await worker.stop();
  return refusing.seen.length;
}

test('a process whose configuration lacks the destination writes the dead letters of crashed workers', async () => {
  await using real = await startRealLog();
  const { log } = real;
  await (await giveUpSecond(log)).stop();
  const { collector } = await startCollector(log, ['warehouse']);
  await until(
    () => unsettled(log, 'dead-letters', 'ADVISORIES'),
    (count) => count === 0,
  );
  await collector.stop();
  expect(await readDead(log)).toMatchObject([{ id: 'crm:2', destination: 'crm' }]);
});

test('none is written for a destination that was removed', async () => {
  await using real = await startRealLog();
  const { log } = real;
  await (await giveUpSecond(log)).stop();
  await deleteDestinationConsumers(log, 'crm');
  const { collector } = await startCollector(log, ['warehouse']);
  await until(
    () => unsettled(log, 'dead-letters', 'ADVISORIES'),
    (count) => count === 0,
  );
  await collector.stop();
  expect(await readDead(log)).toEqual([]);
});

test.each(['discarded', 'replayed', 'kept'])(
  'an event that a destination refuses once more after it was added again is a dead letter: %s before',
  async (how) => {
    await using real = await startRealLog();
    const { log } = real;
    await makeDead(log, 2);
    const queue = await openQueue(log);
    if (how === 'discarded') for (const id of ['crm:1', 'crm:2']) await queue.discard(id, 'old');
    if (how === 'replayed') {
      for (const id of ['crm:1', 'crm:2']) await queue.replay(id);
      const worker = await startWorker(log, recording());
      await settled(log, 'crm', 'REPLAY');
      await worker.stop();
    }
    const dead = async () => readDead(log, 'headgate.dead.>');
    expect(await dead()).toHaveLength(how === 'kept' ? 2 : 0);

    expect(await addAgain(log)).toBe(2);
    const letters = await dead();
    const of = (sequence: bigint) => letters.filter((letter) => letter.sequence === sequence);
    expect([of(1n).length, of(2n).length]).toEqual([1, 1]);
    // Each can be found by its id, and settled.
    const again = await openQueue(log);
    for (const { id } of letters) await again.discard(id, 'not wanted either');
    expect(await dead()).toEqual([]);
  },
);

test('a replay for a removed destination is refused, and the dead letter stays', async () => {
  await using real = await startRealLog();
  const { log } = real;
  await makeDead(log, 2);
  const other = recording(() => ({ kind: 'dead', reason: 'refused' }));
  const warehouse = await startWorker(log, other, {
    config: destinationConfig({ name: 'warehouse' }),
  });
  await settled(log, 'warehouse');
  await warehouse.stop();
  await deleteDestinationConsumers(log, 'crm');

  const queue = await openQueue(log);
  await expect(queue.replay('crm:1')).rejects.toMatchObject({
    code: 'destination_not_found',
    message: expect.stringContaining('discard the dead letter') as string,
  });
  // In a page, the others are replayed.
  const { results } = await connectService(queue).replayDeadLetters({});
  const codes = results.map(({ id, code }) => [id, code]);
  expect(codes.toSorted()).toEqual([
    ['crm:1', 'destination_not_found'],
    ['crm:2', 'destination_not_found'],
    ['warehouse:1', ''],
    ['warehouse:2', ''],
  ]);
  expect((await readDead(log)).map(({ id }) => id)).toEqual(['crm:1', 'crm:2']);
  expect(await countMessages(log, 'REPLAY')).toBe(2);

  // Once it is back, it gets the event.
  const crm = recording();
  const worker = await startWorker(log, crm);
  await settled(log);
  await queue.replay('crm:1');
  await settled(log, 'crm', 'REPLAY');
  await worker.stop();
  expect(crm.seen).toHaveLength(3);
});

test('a replay that the removal took with it is stored once more', async () => {
  await using real = await startRealLog();
  const { log } = real;
  await makeDead(log, 1);
  const replaying = (await openQueue(losing(log, 'REPLAY'))).replay('crm:1');
  await expect(replaying).rejects.toMatchObject({ code: 'timeout' });
  await deleteDestinationConsumers(log, 'crm');
  expect(await countMessages(log, 'REPLAY')).toBe(0);
  // A consumer says when it was created in whole milliseconds at best.
  await sleep(5);
  const crm = recording();
  const worker = await startWorker(log, crm);
  await settled(log);
  expect(await (await openQueue(log)).replay('crm:1')).toBe(2);
  await settled(log, 'crm', 'REPLAY');
  await worker.stop();
  expect(crm.seen).toHaveLength(2);
});

test('a replay whose destination is removed at that moment leaves no copy', async () => {
  await using real = await startRealLog();
  const { log } = real;
  await makeDead(log, 1);
  const removing: Log = {
    ...log,
    store: async (stream, ...message) => {
      const ack = await log.store(stream, ...message);
      if (stream === 'REPLAY') await deleteDestinationConsumers(log, 'crm');
      return ack;
    },
  };
  const queue = await openQueue(withClients(removing, clientsForTests(log)));
  await expect(queue.replay('crm:1')).rejects.toMatchObject({ code: 'destination_not_found' });
  expect(await countMessages(log, 'REPLAY')).toBe(0);
  expect((await readDead(log)).map(({ id }) => id)).toEqual(['crm:1']);
});
