import { expect, test } from 'vitest';

import { deleteLaneCopies, storeLaneCopy } from '../../src/jetstream/consume/lane/lane-copies.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { readMatching } from '../../src/jetstream/read/read.ts';
import { publishEvents } from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';
import { storedEvents } from '../stored-events.ts';

async function copies(log: Log, destination: string): Promise<number[]> {
  const found: number[] = [];
  const subject = `headgate.redelivery.${destination}.*`;
  for await (const { sequence } of readMatching(log, 'REPLAY', subject)) found.push(sequence);
  return found;
}

test('copies are stored once, and deleted before a position, of their destination alone', async () => {
  await using real = await startRealLog();
  const { log } = real;
  await publishEvents(log, 6);
  for await (const event of storedEvents(log)) {
    await storeLaneCopy(log, 'crm', 'a', event);
    if (event.sequence > 3) await storeLaneCopy(log, 'warehouse', 'a', event);
    expect((await storeLaneCopy(log, 'crm', 'a', event)).duplicate).toBe(true);
  }
  const all = [1, 2, 3, 4, 6, 8];
  expect(await copies(log, 'crm')).toEqual(all);
  // NATS takes 1 for no limit.
  await deleteLaneCopies(log, 'crm', 0);
  await deleteLaneCopies(log, 'crm', 1);
  expect(await copies(log, 'crm')).toEqual(all);
  await deleteLaneCopies(log, 'crm', 2);
  expect(await copies(log, 'crm')).toEqual([2, 3, 4, 6, 8]);
  await deleteLaneCopies(log, 'crm', 6);
  expect(await copies(log, 'crm')).toEqual([6, 8]);
  await deleteLaneCopies(log, 'crm');
  expect(await copies(log, 'crm')).toEqual([]);
  expect(await copies(log, 'warehouse')).toEqual([5, 7, 9]);
  // The log still recognizes what it has deleted, and the replays of dead letters beside it.
  for await (const event of storedEvents(log)) {
    expect((await storeLaneCopy(log, 'crm', 'a', event)).duplicate).toBe(true);
    expect((await storeLaneCopy(log, 'crm', 'b', event)).duplicate).toBe(false);
  }
});
