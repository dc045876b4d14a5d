import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { readJobEntry } from '../../src/jetstream/consume/lane/job-entry.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { endedJob, readJob, type StoredJob } from '../../src/redelivery/job.ts';
import { createRedeliveryJobs } from '../../src/redelivery/jobs.ts';
import { takeLease, type Lease } from '../../src/redelivery/lease.ts';
import { until } from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';
import { everything } from './lane-rig.ts';

const stored = async (log: Log): Promise<StoredJob> => readJob((await readJobEntry(log, 'crm'))!);

async function startJob(log: Log): Promise<{ readonly id: string; readonly lease: Lease }> {
  const { id } = await createRedeliveryJobs(log).start('crm', { ...everything, user: 'ada' }, 10);
  return { id, lease: (await takeLease(log, await stored(log), 'me'))! };
}

test('an update sees what people have changed meanwhile', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const { id, lease } = await startJob(log);
  await createRedeliveryJobs(log).pause(id);
  const seen: string[] = [];
  await lease.update((job) => {
    seen.push(job.state);
    return job.state === 'running' ? endedJob(job, 'done') : { sent: 7 };
  });
  expect(seen).toEqual(['running', 'paused']);
  expect(lease.job()).toMatchObject({ state: 'paused', sent: 7, endedAtMs: 0, holder: 'me' });
  expect(lease.job().selection.user).toBe('ada');
  expect((await stored(log)).job).toEqual(lease.job());
});

test('updates of several callers follow one another', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const { lease } = await startJob(log);
  // The first acknowledgement comes last.
  const store = log.store.bind(log);
  let writes = 0;
  log.store = async (...message) => {
    writes += 1;
    const isFirst = writes === 1;
    const ack = await store(...message);
    if (isFirst) await sleep(200);
    return ack;
  };
  await Promise.all([
    lease.update(() => ({ sent: 5 })),
    lease.update(() => ({ note: 'a' })),
    lease.update(({ sent }) => ({ sent: sent + 1 })),
  ]);
  expect(lease.job()).toMatchObject({ sent: 6, note: 'a' });
  expect((await stored(log)).job).toEqual(lease.job());
  expect(writes).toBe(3);
});

test('one failure does not end the updates', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const { lease } = await startJob(log);
  const failing = lease.update(() => {
    throw new Error('odd');
  });
  const next = lease.update(() => ({ sent: 1 }));
  await expect(failing).rejects.toThrow('odd');
  await next;
  expect((await stored(log)).job.sent).toBe(1);
});

test('a job is kept until that ends, and written no more once it is laid down', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const { lease } = await startJob(log);
  const revision = async (): Promise<number> => (await stored(log)).revision;
  const first = await revision();
  const stop = lease.keep(30);
  await until(revision, (found) => found >= first + 3);
  await lease.update(() => ({ holder: '' }));
  const last = await revision();
  await lease.update(() => ({ sent: 9 }));
  await sleep(150);
  stop();
  expect(await revision()).toBe(last);
  expect(lease.isLost()).toBe(false);
});
