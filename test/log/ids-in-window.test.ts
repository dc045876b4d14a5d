import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { countIdsInWindow } from '../../src/jetstream/read/ids-in-window.ts';
import { publishEvents } from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';

const windowMs = 1_200_000;

test('counts the ids of all partitions, and what the rate of the last tenth comes to', async () => {
  await using real = await startRealLog({ dedupWindowMs: windowMs, partitions: 2 });
  expect(await countIdsInWindow(real.log)).toEqual({ windowMs, ids: 0, idsAtPresentRate: 0 });
  await publishEvents(real.log, 30);
  const { streams } = clientsForTests(real.log).manager;
  const held = await Promise.all(['EVENTS_0', 'EVENTS_1'].map((name) => streams.info(name)));
  expect(Math.min(...held.map(({ state }) => state.messages))).toBeGreaterThan(0);
  // Its id stays.
  await streams.deleteMessage('EVENTS_0', held[0]!.state.last_seq, false);
  expect(await countIdsInWindow(real.log)).toEqual({ windowMs, ids: 30, idsAtPresentRate: 300 });
});

test('ids that are older than the window do not count', async () => {
  await using real = await startRealLog({ dedupWindowMs: 500 });
  await publishEvents(real.log, 30);
  await sleep(1_000);
  expect(await countIdsInWindow(real.log)).toEqual({ windowMs: 500, ids: 0, idsAtPresentRate: 0 });
});
