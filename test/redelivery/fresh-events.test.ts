import { describe, expect, test } from 'vitest';

import { delivered, type Destination } from '../../src/destinations/destination.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { readMessage } from '../../src/jetstream/read/read.ts';
import { createRedeliveryJobs } from '../../src/redelivery/jobs.ts';
import { publishEvents, recording, settled, until } from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';
import { arrived, everything, inState, jobOf, startProcess } from './lane-rig.ts';

const rateMax = 20_000;

describe('fresh events', () => {
  test('have three of four calls beside a redelivery, where calls run one at a time', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const lanes: string[] = [];
    const fresh = new Set<string>();
    let isSlow = false;
    const recorder = recording(() => delivered, { batchEventsMax: 10 });
    const destination: Destination = {
      ...recorder,
      deliver: async (batch, signal) => {
        lanes.push(fresh.has(batch[0]!.event().idempotencyKey) ? 'f' : 'r');
        if (isSlow) await new Promise((resolve) => setTimeout(resolve, 5));
        return recorder.deliver(batch, signal);
      },
    };
    await startProcess(log, destination);
    await publishEvents(log, 1_000);
    await arrived(log, () => recorder.seen.length, 1_000);
    isSlow = true;
    const { id } = await createRedeliveryJobs(log).start('crm', everything, rateMax);
    await until(
      () => lanes.length,
      (calls) => calls >= 105,
    );
    const before = recorder.seen.length;
    for (const each of await publishEvents(log, 400)) fresh.add(each);
    await settled(log);
    const calls = lanes.slice(lanes.indexOf('f'), lanes.lastIndexOf('f') + 1).join('');
    // 400 events are 40 calls, and at most 14 of the redelivery come between them; a call may find
    // fresh events gone for a moment while more are pulled.
    expect(calls.split('r').length - 1).toBeLessThanOrEqual(20);
    expect(before).toBeGreaterThan(1_000);
    await inState(log, id, 'done');
    expect(recorder.seen.length).toBe(2_400);
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
