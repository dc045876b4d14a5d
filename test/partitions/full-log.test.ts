import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { partsOf } from '../../src/jetstream/events/event-streams.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { PublishError } from '../../src/jetstream/publish/publish-error.ts';
import {
  destinationConfig,
  publishEvents,
  recording,
  settled,
  startWorker,
} from '../delivery/rig.ts';
import { kilobyte, mebibyte, reliefOf } from '../delivery/relief-rig.ts';
import { startRealLog } from '../real-log.ts';
import { change } from './change-rig.ts';

// On a busy machine making room takes a while; without it, nothing ends the refusals.
const refusedMsMax = 20_000;

/** A log with about 6 MiB for events. */
const startSmallLog = () => startRealLog({ storageBytesMax: 16 * mebibyte, dedupWindowMs: 1_000 });

interface Size {
  readonly bytes: number;
  readonly bytesMax: number;
}

async function sizesOf(log: Log, isClosed: boolean): Promise<Size> {
  const { manager } = clientsForTests(log);
  let [bytes, bytesMax] = [0, 0];
  for (const part of partsOf(log, 'EVENTS').filter((one) => one.isClosed === isClosed)) {
    const { state, config } = await manager.streams.info(part.stream);
    bytes += state.bytes;
    bytesMax += config.max_bytes;
  }
  return { bytes, bytesMax };
}

async function fillTo(log: Log, share: number): Promise<void> {
  for (;;) {
    const { bytes, bytesMax } = await sizesOf(log, false);
    if (bytes >= bytesMax * share) return;
    await publishEvents(log, 50, { properties: kilobyte });
  }
}

test.each([2, 4])(
  'a log that is always nearly full goes on taking events after a change to %s partitions',
  async (partitions) => {
    await using real = await startSmallLog();
    const { log } = real;
    const destination = recording(undefined, { batchEventsMax: 500, concurrency: 4 });
    const worker = await startWorker(log, destination, { config: destinationConfig() });
    const { relief, held, troubles } = reliefOf(log, { intervalMs: 50 });
    await fillTo(log, 0.78);
    await settled(log);
    const before = await sizesOf(log, false);
    await relief.start();
    await change(log, partitions);
    const ids: string[] = [];
    let refusedForMs = 0;
    for (let batch = 0; batch < 160; batch += 1) {
      const sinceMs = performance.now();
      for (;;) {
        try {
          ids.push(...(await publishEvents(log, 50, { properties: kilobyte })));
          break;
        } catch (error) {
          if (!(error instanceof PublishError && error.code === 'stream_full')) throw error;
          refusedForMs = Math.max(refusedForMs, performance.now() - sinceMs);
          if (refusedForMs > refusedMsMax) throw error;
          await sleep(20);
        }
      }
    }
    const undelivered = (): number => {
      const seen = new Set(destination.seen.map(({ eventId }) => eventId));
      return ids.filter((id) => !seen.has(id)).length;
    };
    await expect.poll(undelivered, { timeout: 60_000 }).toBe(0);
    await relief.stop();
    await worker.stop();
    expect(troubles).toEqual([]);
    // Twice what the log holds: nothing of the closed partition had to stay, and its room is that of the open ones.
    const closed = await sizesOf(log, true);
    const open = await sizesOf(log, false);
    expect(closed.bytes).toBeLessThan(before.bytes / 4);
    expect(open.bytesMax).toBeGreaterThan(before.bytesMax * 0.7);
    expect(held.at(-1)!.bytes).toBeLessThanOrEqual(closed.bytes + open.bytes);
  },
);

test('what a destination has not taken stays in a closed partition, and the destination is named', async () => {
  await using real = await startSmallLog();
  const { log } = real;
  const worker = await startWorker(log, recording(), { config: destinationConfig() });
  await worker.stop();
  await fillTo(log, 0.78);
  await change(log, 2);
  const before = await sizesOf(log, true);
  await fillTo(log, 0.5);
  await sleep(150);
  const { relief, held, stuck } = reliefOf(log);
  expect(await relief.check()).toBe(0);
  expect((await sizesOf(log, true)).bytes).toBe(before.bytes);
  expect(stuck).toEqual([expect.objectContaining({ destination: 'crm' })]);
  expect(stuck[0]!.full).toBeGreaterThan(0.8);
  const open = await sizesOf(log, false);
  expect(held.at(-1)!.byConsumer.get('crm')).toBe(before.bytes + open.bytes);
});

test('a closed partition that is not short of room keeps its events', async () => {
  await using real = await startSmallLog();
  const { log } = real;
  const worker = await startWorker(log, recording(), { config: destinationConfig() });
  await fillTo(log, 0.5);
  await settled(log);
  await change(log, 2);
  const { bytes } = await sizesOf(log, true);
  expect(bytes).toBeGreaterThan(2 * mebibyte);
  await fillTo(log, 0.3);
  await settled(log);
  await sleep(150);
  expect(await reliefOf(log).relief.check()).toBe(0);
  await worker.stop();
  expect((await sizesOf(log, true)).bytes).toBe(bytes);
});

test('while the number changes nothing of a closed partition is deleted to make room', async () => {
  await using real = await startSmallLog();
  const { log } = real;
  const worker = await startWorker(log, recording(), { config: destinationConfig() });
  await fillTo(log, 0.5);
  await settled(log);
  await change(log, 2);
  await settled(log);
  await sleep(150);
  const { bytes } = await sizesOf(log, true);
  const { streams } = clientsForTests(log).manager;
  // As when they are closed for the next change.
  for (const part of partsOf(log, 'EVENTS').filter(({ isClosed }) => !isClosed)) {
    await streams.update(part.stream, { max_bytes: 1 });
  }
  expect(await reliefOf(log).relief.check()).toBe(0);
  await worker.stop();
  expect((await sizesOf(log, true)).bytes).toBe(bytes);
});
