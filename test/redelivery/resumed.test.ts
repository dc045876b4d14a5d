import { expect, test } from 'vitest';

import { readJobEntry } from '../../src/jetstream/consume/lane/job-entry.ts';
import { createRedeliveryJobs } from '../../src/redelivery/jobs.ts';
import { destinationConfig, publishEvents, recording, until } from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';
import { arrived, everything, inState, jobOf, startProcess } from './lane-rig.ts';

test('a redelivery goes on when it is resumed before its worker has laid it down', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const destination = recording();
  // It reads the state where it writes progress, not in between to keep its lease.
  await startProcess(log, destination, destinationConfig(), 60_000);
  const events = 6;
  await publishEvents(log, events);
  await arrived(log, () => destination.seen.length, events);
  const jobs = createRedeliveryJobs(log);
  const { id } = await jobs.start('crm', everything, 1);
  const revision = async (): Promise<number> => (await readJobEntry(log, 'crm'))!.revision;
  const sent = (): number => destination.seen.length - events;
  await until(sent, (count) => count >= 1);
  // One event a second: the worker reads the pause as it writes its progress, and ends its turn a second later.
  await jobs.pause(id);
  const paused = await revision();
  await until(revision, (found) => found > paused, 20_000);
  expect(await jobOf(log, id)).toMatchObject({
    state: 'paused',
    holder: expect.stringMatching(/./),
  });
  await jobs.resume(id);
  const job = await inState(log, id, 'done', 60_000);
  expect([sent(), job.sent]).toEqual([events, events]);
  expect(new Set(destination.seen.slice(events).map(({ eventId }) => eventId)).size).toBe(events);
}, 120_000);
