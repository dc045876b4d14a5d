import { describe, expect, test } from 'vitest';

import { delivered, type Destination } from '../../src/destinations/destination.ts';
import { laneAckPendingMax } from '../../src/delivery/capacity.ts';
import { readEventPositions } from '../../src/jetstream/consume/consumer-position.ts';
import { readLanePosition } from '../../src/jetstream/consume/lane/lane-consumer.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { readMessage } from '../../src/jetstream/read/read.ts';
import { createRedeliveryJobs } from '../../src/redelivery/jobs.ts';
import { destinationConfig, publishEvents, recording, until } from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';
import { arrived, everything, inState, jobOf, startProcess } from './lane-rig.ts';

const rateMax = 20_000;

describe('fresh events', () => {
  test('have three of four calls beside a redelivery, where calls run one at a time', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const lanes: string[] = [];
    const fresh = new Set<string>();
    let held: Promise<void> | undefined;
    const recorder = recording(() => delivered, { batchEventsMax: 10 });
    const destination: Destination = {
      ...recorder,
      deliver: async (batch, signal) => {
        lanes.push(fresh.has(batch[0]!.event().eventId) ? 'f' : 'r');
        await held;
        return recorder.deliver(batch, signal);
      },
    };
    await startProcess(log, destination, destinationConfig({ ackWaitMs: 30_000 }));
    await publishEvents(log, 1_000);
    await arrived(log, () => recorder.seen.length, 1_000);
    lanes.splice(0);
    const { promise, resolve } = Promise.withResolvers<void>();
    held = promise;
    const { id } = await createRedeliveryJobs(log).start('crm', everything, rateMax);
    // One call of redelivered events runs, and 500 wait in the worker.
    await until(
      () => readLanePosition(log, 'crm').then((lane) => lane?.inWork),
      (inWork) => inWork === laneAckPendingMax,
    );
    for (const each of await publishEvents(log, 400)) fresh.add(each);
    await until(
      () => readEventPositions(log, 'crm').then(([one]) => one!.inWork),
      (inWork) => inWork === 400,
    );
    resolve();
    await until(
      () => recorder.seen.length,
      (count) => count === 2_400,
      30_000,
    );
    await inState(log, id, 'done');
    // 400 events are 40 calls: the first three, one of the redelivered, the next three ...
    const calls = lanes.slice(0, lanes.lastIndexOf('f') + 1).join('');
    expect(calls.replace(/^r+/, '')).toBe(`${'fffr'.repeat(13)}f`);
    expect(calls).toMatch(/^r{1,2}f/);
  }, 60_000);

  test('come first where the destination does not keep up with them', async () => {
    await using real = await startRealLog();
    const { log } = real;
    let isSlow = false;
    const recorder = recording(() => delivered, { batchEventsMax: 10 });
    const destination: Destination = {
      ...recorder,
      deliver: async (batch, signal) => {
        if (isSlow) await new Promise((resolve) => setTimeout(resolve, 5));
        return recorder.deliver(batch, signal);
      },
    };
    await startProcess(log, destination);
    await publishEvents(log, 300);
    await arrived(log, () => recorder.seen.length, 300);
    recorder.seen.splice(0);
    isSlow = true;
    const fresh = new Set(await publishEvents(log, 3_000));
    const selection = { ...everything, untilMs: await storedAtMs(log, 301) };
    const { id } = await createRedeliveryJobs(log).start('crm', selection, rateMax);
    await until(
      () => jobOf(log, id),
      ({ note }) => note === 'fresh events come first',
    );
    expect((await inState(log, id, 'done', 40_000)).sent).toBe(300);
    const order = recorder.seen.map(({ eventId }) => fresh.has(eventId));
    expect(order.filter((isFresh) => isFresh).length).toBe(3_000);
    // The first redelivered one comes when few fresh ones are left.
    expect(order.indexOf(false)).toBeGreaterThan(2_000);
  }, 60_000);
});

async function storedAtMs(log: Log, position: number): Promise<number> {
  return (await readMessage(log, 'EVENTS', position))!.storedAtMs;
}
