import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { createRedeliveryJobs } from '../../src/redelivery/jobs.ts';
import { destinationConfig, publishEvents, recording } from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';
import { arrived, everything, inState, startProcess } from './lane-rig.ts';

const leaseMs = 500;

test('a process keeps its job while a destination takes long to say what it holds', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const held = new Set<string>();
  let isLosing = true;
  const destination = {
    ...recording(({ event }) => {
      if (!isLosing) held.add(event().eventId);
      return { kind: 'delivered' };
    }),
    async *stored() {
      await sleep(2 * leaseMs);
      for (const eventId of held) yield { eventId, eventName: '', timestamp: '' };
    },
  };
  const processes = [
    await startProcess(log, destination, destinationConfig(), leaseMs),
    await startProcess(log, destination, destinationConfig(), leaseMs),
  ];
  await publishEvents(log, 30);
  await arrived(log, () => destination.seen.length, 30);
  isLosing = false;
  const { id } = await createRedeliveryJobs(log).start(
    'crm',
    { ...everything, missing: true },
    20_000,
  );
  expect((await inState(log, id, 'done')).sent).toBe(30);
  expect(held.size).toBe(30);
  expect(processes.map(({ taken }) => taken()).toSorted()).toEqual([0, 1]);
});

test('a redelivery is cancelled while a destination still says what it holds', async () => {
  await using real = await startRealLog();
  const { log } = real;
  let isAsked = false;
  const destination = {
    ...recording(),
    async *stored() {
      for (;;) {
        isAsked = true;
        await sleep(20);
        yield { eventId: 'another', eventName: '', timestamp: '' };
      }
    },
  };
  await startProcess(log, destination, destinationConfig(), leaseMs);
  await publishEvents(log, 3);
  await arrived(log, () => destination.seen.length, 3);
  const jobs = createRedeliveryJobs(log);
  const { id } = await jobs.start('crm', { ...everything, missing: true }, 20_000);
  await expect.poll(() => isAsked, { timeout: 5_000 }).toBe(true);
  expect((await jobs.cancel(id)).state).toBe('cancelling');
  expect((await inState(log, id, 'cancelled', 5_000)).sent).toBe(0);
});
