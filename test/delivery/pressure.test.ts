import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { ensureDestinationConsumer } from '../../src/jetstream/consume/destination-consumer.ts';
import { partAt } from '../../src/jetstream/events/event-streams.ts';
import { deleteBefore, readLedger } from '../../src/jetstream/integrity/ledger.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { PublishError } from '../../src/jetstream/publish/publish-error.ts';
import { asAdmin } from '../admin-token.ts';
import { order } from '../endpoints/sample-events.ts';
import { startRealLog } from '../real-log.ts';
import { startRealService } from '../real-service.ts';
import { kilobyte, mebibyte, reliefOf } from './relief-rig.ts';
import { countMessages, publishEvents, recording, settled, startWorker } from './rig.ts';

const stateOf = async (log: Log) => {
  const { state, config } = await clientsForTests(log).manager.streams.info('EVENTS_0');
  return { first: state.first_seq, full: state.bytes / config.max_bytes };
};

/** A log with about 6 MiB for events. */
const startSmallLog = () => startRealLog({ storageBytesMax: 16 * mebibyte, durability: 'fsync' });

async function fillTo(log: Log, full: number): Promise<void> {
  while ((await stateOf(log)).full < full) await publishEvents(log, 50, { properties: kilobyte });
}

const consumer = { attempts: 10, ackWaitMs: 2_000, ackPendingMax: 100 };

describe('a log that fills up with settled events', () => {
  test('takes many times what it holds, with no refusal that lasts', async () => {
    await using real = await startSmallLog();
    const { log } = real;
    const destination = recording(undefined, { batchEventsMax: 500, concurrency: 4 });
    const worker = await startWorker(log, destination);
    const { relief, troubles } = reliefOf(log, { intervalMs: 50 });
    await relief.start();
    let refusedForMs = 0;
    const publish = async (): Promise<string[]> => {
      const sinceMs = performance.now();
      for (;;) {
        try {
          return await publishEvents(log, 50, { properties: kilobyte });
        } catch (error) {
          if (!(error instanceof PublishError && error.code === 'stream_full')) throw error;
          if (performance.now() - sinceMs > 10_000) throw error;
          await sleep(20);
          refusedForMs = Math.max(refusedForMs, performance.now() - sinceMs);
        }
      }
    };
    const ids: string[] = [];
    // 25 MB, of which the log can hold a quarter.
    for (let batch = 0; batch < 320; batch += 1) ids.push(...(await publish()));
    await settled(log);
    await relief.stop();
    await worker.stop();
    expect(troubles).toEqual([]);
    expect(refusedForMs).toBeLessThan(1_500);
    const seen = new Set(destination.seen.map(({ eventId }) => eventId));
    expect(ids.filter((id) => !seen.has(id))).toEqual([]);
    expect(await countMessages(log, 'EVENTS')).toBeLessThan(ids.length / 3);
  });

  test('deletes the oldest down to 70 %, and reports the retention that is reached', async () => {
    await using real = await startSmallLog();
    const { log } = real;
    const { relief, held, reached } = reliefOf(log);
    await ensureDestinationConsumer(log, 'EVENTS', 'crm', consumer);
    await fillTo(log, 0.6);
    const worker = await startWorker(log, recording(undefined, { batchEventsMax: 500 }));
    await settled(log);
    await sleep(150);
    expect(await relief.check()).toBe(0);
    expect(reached).toEqual([0]);
    await fillTo(log, 0.85);
    await settled(log);
    await sleep(150);
    expect(await relief.check()).toBeGreaterThan(0);
    await worker.stop();
    const { full, first } = await stateOf(log);
    expect(full).toBeGreaterThan(0.64);
    expect(full).toBeLessThanOrEqual(0.7);
    expect(first).toBeGreaterThan(1);
    expect(reached.at(-1)).toBeGreaterThanOrEqual(100);
    expect(held.at(-1)!.byConsumer.get('crm')).toBeUndefined();
    const part = partAt(log, 'EVENTS', 1)!;
    expect((await readLedger(log, part)).keptFrom).toBe(first);
  });
});

describe('a log that fills up with events that must stay', () => {
  test('keeps what a destination has not settled, and names it', async () => {
    await using real = await startSmallLog();
    const { log } = real;
    const { relief, held, stuck } = reliefOf(log, { destinations: ['crm', 'warehouse'] });
    await ensureDestinationConsumer(log, 'EVENTS', 'warehouse', consumer);
    const worker = await startWorker(log, recording(undefined, { batchEventsMax: 500 }));
    await fillTo(log, 0.85);
    await settled(log);
    await sleep(150);
    expect(await relief.check()).toBe(0);
    expect(await relief.check()).toBe(0);
    expect(stuck).toEqual([{ full: expect.closeTo(0.86, 1), destination: 'warehouse' }]);
    const { bytes, byConsumer } = held.at(-1)!;
    expect(byConsumer).toEqual(new Map([['warehouse', bytes]]));
    await worker.stop();
  });

  test('keeps what is younger than log.retention_min, and says so', async () => {
    await using real = await startSmallLog();
    const { log } = real;
    const { relief, stuck } = reliefOf(log, { retentionMinMs: 60_000 });
    const worker = await startWorker(log, recording(undefined, { batchEventsMax: 500 }));
    await fillTo(log, 0.85);
    await settled(log);
    expect(await relief.check()).toBe(0);
    expect(stuck).toEqual([{ full: expect.closeTo(0.86, 1), destination: undefined }]);
    await worker.stop();
  });

  test('keeps what a destination has settled and does not confirm', async () => {
    await using real = await startSmallLog();
    const { log } = real;
    const { relief, stuck } = reliefOf(log, { confirmedUpTo: () => 10 });
    const worker = await startWorker(log, recording(undefined, { batchEventsMax: 500 }));
    await fillTo(log, 0.85);
    await settled(log);
    await sleep(150);
    expect(await relief.check()).toBe(10);
    expect((await stateOf(log)).first).toBe(11);
    expect(stuck).toMatchObject([{ destination: 'crm' }]);
    await worker.stop();
  });

  test('refuses events, with the reason', async () => {
    await using real = await startSmallLog();
    const { log } = real;
    await ensureDestinationConsumer(log, 'EVENTS', 'crm', consumer);
    const refusal = await fillTo(log, 1).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(PublishError);
    expect((refusal as PublishError).publicText).toBe(
      'the log is full of events that a destination has not taken, or that are younger than log.retention_min',
    );
  });
});

test('a service goes on taking and delivering events when its log is full of delivered ones', async () => {
  // It wants no event, and cannot be asked: what can is asked once a minute.
  const secret = Buffer.alloc(32).toString('base64');
  const crm = `type: webhook, url: "https://crm.example/h", secret: whsec_${secret}, events: ["never_*"]`;
  await using real = await startRealService({
    yaml: `destinations:\n  crm: { ${crm} }\n`,
    env: {
      HEADGATE_LOG_STORAGE_BYTES_MAX: '64MiB',
      HEADGATE_LOG_DEDUP_WINDOW: '100ms',
      HEADGATE_LOG_RETENTION_MIN: '1s',
    },
  });
  let retries = 0;
  const send = async (): Promise<void> => {
    const events = Array.from({ length: 250 }, () =>
      order({ context: { filler: 'x'.repeat(8_000) } }),
    );
    for (;;) {
      const answer = await fetch(`${real.url}/v1/batch`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ events }),
      });
      const { results } = (await answer.json()) as { results: { status: string }[] };
      const statuses = new Set(results.map(({ status }) => status));
      if (!statuses.has('retry')) {
        if (statuses.has('rejected')) throw new Error('an event is rejected');
        return;
      }
      retries += 1;
      if (retries > 100) throw new Error('the log stays full');
      await sleep(100);
    }
  };
  // 70 MB, in a log that holds 33 MB of events.
  for (let batch = 0; batch < 35; batch += 1) await send();
  const { log } = real.service;
  expect((await stateOf(log)).first).toBeGreaterThan(1_000);
  const metrics = await fetch(`${real.adminUrl}/metrics`, asAdmin).then((one) => one.text());
  expect(metrics).toMatch(/^headgate_log_reached_retention_seconds (?!0$)\d/m);
  expect(metrics).toMatch(/^headgate_stream_held_bytes\{stream="EVENTS"\} \d+$/m);
  expect(metrics).toMatch(/^headgate_destination_held_bytes\{destination="crm"\} \d+$/m);
});

test('a worker that deletes later than another does not lower what the ledger has', async () => {
  await using real = await startSmallLog();
  const { log } = real;
  await publishEvents(log, 30);
  const part = partAt(log, 'EVENTS', 1)!;
  await deleteBefore(log, part, 20, 'pressure');
  await deleteBefore(log, part, 10, 'retention');
  expect((await readLedger(log, part)).keptFrom).toBe(20);
  await Promise.all([25, 21, 28, 23].map((at) => deleteBefore(log, part, at, 'pressure')));
  expect((await readLedger(log, part)).keptFrom).toBe(28);
});
