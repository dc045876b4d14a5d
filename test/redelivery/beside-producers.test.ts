import { describe, expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { messagesBeside } from '../../src/jetstream/read/whole-reads.ts';
import { countSelection } from '../../src/redelivery/count-selection.ts';
import { createRedeliveryJobs } from '../../src/redelivery/jobs.ts';
import { destinationConfig, publishEvents, recording } from '../delivery/rig.ts';
import { fillWithRare, rare, watchPages } from '../log/asked-pages.ts';
import { startRealLog } from '../real-log.ts';
import { arrived, everything, inState, startProcess } from './lane-rig.ts';

const countOf = (log: Log, pageToken = '', signal = new AbortController().signal) =>
  countSelection({
    log,
    destination: { name: 'crm', type: 'test', filter: destinationConfig(), stored: undefined },
    selection: { ...everything, eventName: rare },
    pageToken,
    signal,
    durationMsMax: 500,
  });

describe.each([1, 3])(
  'a redelivery of a rare event beside producers, in %s partitions',
  (partitions) => {
    test('counts the same, and asks for small pages of all events', async () => {
      await using real = await startRealLog({ partitions });
      const { log } = real;
      await fillWithRare(log);
      const filtered = watchPages(log, false);
      const { leftOut } = await countOf(log);
      // Without a worker all of them wait.
      expect(leftOut).toEqual({ waiting: 3, dead: 0 });
      expect(filtered.length).toBeGreaterThan(0);
      const asked = watchPages(log, true);
      expect((await countOf(log)).leftOut).toEqual(leftOut);
      expect(asked.length).toBeGreaterThan(1_200 / messagesBeside / 2);
      for (const { batch, next_by_subj: subject = '>' } of asked) {
        expect(subject).toBe('>');
        expect(batch).toBeLessThanOrEqual(messagesBeside);
      }
    });

    test('sends these alone', async () => {
      await using real = await startRealLog({ partitions });
      const { log } = real;
      const destination = recording();
      await startProcess(log, destination);
      const ids = await fillWithRare(log);
      await arrived(log, () => destination.seen.length, 1_200);
      destination.seen.splice(0);
      watchPages(log, true);
      const { id } = await createRedeliveryJobs(log).start(
        'crm',
        { ...everything, eventName: rare },
        1_000,
      );
      await inState(log, id, 'done');
      expect(destination.seen.map(({ eventId }) => eventId).toSorted()).toEqual(ids.toSorted());
    });
  },
);

test('a count that producers slow down ends in time, and the next call goes on', async () => {
  await using real = await startRealLog({});
  const { log } = real;
  await publishEvents(log, 2_000);
  await publishEvents(log, 1, { eventName: rare });
  watchPages(log, true);
  // 64 events in 200 ms: all of them in 6 s.
  Object.assign(clientsForTests(log).pace, { count: () => 200 });
  const first = await countOf(log);
  expect(first.leftOut.waiting).toBe(0);
  expect(Number(first.walk.reached)).toBeLessThan(2_000);
  Object.assign(clientsForTests(log).pace, { count: () => 0 });
  const second = await countOf(log, first.nextPageToken);
  expect(second.leftOut.waiting).toBe(1);
  expect(second.nextPageToken).toBe('');
});

test('a count ends when its caller leaves', async () => {
  await using real = await startRealLog({});
  const { log } = real;
  await publishEvents(log, 500);
  watchPages(log, true);
  Object.assign(clientsForTests(log).pace, { count: () => 600_000 });
  const leaving = AbortSignal.timeout(200);
  await expect(countOf(log, '', leaving)).rejects.toThrow('aborted');
});
