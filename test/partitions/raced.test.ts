import type { JetStreamManager, StreamConfig } from '@nats-io/jetstream';
import { expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { readLayout, writeLayout } from '../../src/jetstream/events/layout.ts';
import type { Log } from '../../src/jetstream/log.ts';
import type { PublishAck } from '../../src/jetstream/publish/publish-ack.ts';
import {
  nextLayout,
  requestPartitions,
  waitForPartitions,
} from '../../src/jetstream/server/partitions/change-partitions.ts';
import { ensureStreams } from '../../src/jetstream/server/stream-settings.ts';
import { anyName, subjects } from '../../src/jetstream/topology.ts';
import { startRealLog } from '../real-log.ts';

const store = (log: Log, id: string): Promise<PublishAck> =>
  log.store('EVENTS', subjects.event('shop', 'order_completed'), { 'Nats-Msg-Id': id }, '{}');

type Update = JetStreamManager['streams']['update'];

/** The manager with another way to update streams. */
function withUpdate(manager: JetStreamManager, update: Update): JetStreamManager {
  const streams = Object.create(manager.streams, { update: { value: update } }) as object;
  return Object.create(manager, { streams: { value: streams } }) as JetStreamManager;
}

test.each([
  { partitions: 2, what: 'every stream', more: { storageBytesMax: 512 * 1024 * 1024 } },
  // No later update could notice the change.
  { partitions: 1, what: 'one stream', more: { dedupWindowMs: 60_000 } },
])('a start that updates $what by an old layout closes it again', async ({ partitions, more }) => {
  await using real = await startRealLog({ partitions });
  const { log } = real;
  const { manager, topology } = clientsForTests(log);
  const first = await store(log, 'shop:1');
  const updated: (readonly [string, string])[] = [];
  const slow = withUpdate(manager, async (name, config: Partial<StreamConfig>) => {
    updated.push([name, config.subjects![0]!]);
    // This update is under way while another process changes the partitions.
    if (updated.length === 1) {
      await requestPartitions(log, 3);
      await waitForPartitions(log, 20_000);
    }
    return manager.streams.update(name, config);
  });

  const ensured = await ensureStreams(slow, { ...topology!, ...more });

  const closed = Array.from({ length: partitions }, (_one, partition) => partition);
  expect(ensured.layout).toMatchObject({ closed: [closed], isReady: true });
  expect(ensured.sequence).toBe((await readLayout(manager)).sequence);
  for (const partition of closed) {
    const { config } = await manager.streams.info(`EVENTS_${partition}`);
    expect(config).toMatchObject({ subjects: [subjects.closedIds(partition)], max_bytes: 1 });
  }
  // Only the first was opened for a moment.
  const opened = updated.filter(([, subject]) => subject === subjects.event('*', anyName, 1));
  expect(opened).toHaveLength(partitions === 1 ? 1 : 0);
  expect(await store(log, 'shop:1')).toEqual({ sequence: first.sequence, duplicate: true });
  expect(await store(log, 'shop:2')).toMatchObject({ duplicate: false });
});

test('a change that comes while another is completed is ready once its streams exist', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const { manager, events } = clientsForTests(log);
  const { refresh } = events;
  let completed: readonly number[] | undefined;
  events.refresh = async () => {
    // The streams of the first change are there, and it is about to be marked as ready.
    if (completed === undefined && !events.now().layout.isReady) {
      const { layout, sequence } = await readLayout(manager);
      completed = layout.open;
      await writeLayout(manager, nextLayout(layout, 1)!, sequence);
    }
    await refresh();
  };
  expect(await requestPartitions(log, 2)).toBeUndefined();
  expect(await waitForPartitions(log, 20_000)).toBe(true);
  expect(completed).toEqual([1, 2]);
  expect((await readLayout(manager)).layout.open).toEqual([3]);
  const { config } = await manager.streams.info('EVENTS_3');
  expect(config.subjects).toEqual([subjects.event('*', anyName, 3)]);
  expect(await store(log, 'shop:1')).toMatchObject({ duplicate: false });
});
