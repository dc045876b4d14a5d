import { randomBytes } from 'node:crypto';

import { DiscardPolicy } from '@nats-io/jetstream';
import { expect, test, vi } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { createEventStore, type EventStore } from '../../src/jetstream/event-store.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { countBySubject, readMessage } from '../../src/jetstream/read/read.ts';
import { readRejectedUsage, shareOf } from '../../src/jetstream/rejected/usage.ts';
import { subjects } from '../../src/jetstream/topology.ts';
import { createCleanup } from '../../src/quarantine/cleanup.ts';
import { createReplayMarks } from '../../src/quarantine/replay-marks.ts';
import { startRealLog } from '../real-log.ts';

const mebibyte = 1024 * 1024;
const payload = randomBytes(10_000);

const storeOf = (log: Log): EventStore => createEventStore(log, () => true);

/** Keeps a rejected event. Resolves to why it was not kept. */
function keep(
  store: EventStore,
  source: string,
  quarantined: boolean,
  original: Uint8Array = payload,
): Promise<string | undefined> {
  return new Promise((resolve) =>
    store.reject(
      {
        source,
        eventName: 'order_completed',
        idempotencyKey: 'a',
        receivedAtMs: 0,
        arrival: { correlationId: 'c', traceparent: '', door: 'rest', contentType: 'text/plain' },
        error: { code: 'quarantined', message: '', violations: [] },
        original,
        batchContext: undefined,
        sentAt: '',
        historical: false,
        vendorCall: undefined,
        clock: undefined,
        redacted: false,
        quarantined,
      },
      resolve,
    ),
  );
}

/** Keeps events until one is not kept. */
async function fill(store: EventStore, source: string, quarantined = true) {
  for (let kept = 0; ; kept += 1) {
    const failure = await keep(store, source, quarantined);
    if (failure !== undefined) return { kept, failure };
  }
}

async function eventsOf(log: Log, source: string): Promise<number> {
  const counts = await countBySubject(log, 'REJECTED', subjects.rejectedOf(source));
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

const cleanupOf = (log: Log, retentionMs = 86_400_000) =>
  createCleanup({ log, retentionMs, onTrouble: () => {} });

test('a source fills its share and no more, and never evicts anything', async () => {
  await using real = await startRealLog({ rejectedBytesMax: 4 * mebibyte });
  const store = storeOf(real.log);
  const { kept, failure } = await fill(store, 'shop');
  expect(failure).toMatch(
    /^the source shop has filled its share .*1\.9 MiB.*headgate rejected.*rejected\.storage_bytes_max$/,
  );
  // Half of 15/16 of the room, by the classes of sizes: up to 19% less in bytes.
  const share = (4 * mebibyte * 15) / 16 / 2;
  expect(kept * payload.length).toBeGreaterThan(share * 0.78);
  expect(kept * payload.length).toBeLessThanOrEqual(share);
  expect(await readMessage(real.log, 'REJECTED', 1)).toBeDefined();

  // Another source finds half of the rest, and after it a third.
  const billing = await fill(store, 'billing');
  expect(billing.kept).toBeGreaterThan(kept * 0.4);
  expect((await fill(store, 'third')).kept).toBeGreaterThan(kept * 0.2);
  await cleanupOf(real.log).run();
  expect(await eventsOf(real.log, 'shop')).toBe(kept);
  expect(await eventsOf(real.log, 'billing')).toBe(billing.kept);
});

test('processes share the limit: beyond it comes what one stores in two seconds at most', async () => {
  await using real = await startRealLog({ rejectedBytesMax: 4 * mebibyte });
  const [here, there] = [storeOf(real.log), storeOf(await real.open())];
  const { kept } = await fill(here, 'shop');
  expect((await fill(there, 'shop')).kept).toBe(0);
  expect(await keep(here, 'shop', true)).toMatch('has filled its share');
  expect(await eventsOf(real.log, 'shop')).toBe(kept);
});

test('refused events give way to quarantined ones, those of the source with most first', async () => {
  await using real = await startRealLog({ rejectedBytesMax: 4 * mebibyte });
  const store = storeOf(real.log);
  for (let count = 0; count < 20; count += 1) await keep(store, 'shop', true);
  for (let count = 0; count < 20; count += 1) await keep(store, 'small', false);
  const { failure } = await fill(store, 'noisy', false);
  expect(failure).toMatch(/^the room for rejected events is full \(3\.8 MiB\)/);
  const cleanup = cleanupOf(real.log);
  expect(await cleanup.run()).toBeGreaterThan(50);
  expect(await eventsOf(real.log, 'shop')).toBe(20);
  expect(await eventsOf(real.log, 'small')).toBe(20);
  const usage = await readRejectedUsage(real.log);
  expect(usage.storedBytes).toBeLessThan(usage.roomBytes * 0.75);
  expect(usage.storedBytes).toBeGreaterThan(usage.roomBytes * 0.5);
  expect(await cleanup.run()).toBe(0);
});

test('by age goes what was refused or is settled; a quarantined event stays', async () => {
  await using real = await startRealLog();
  const store = storeOf(real.log);
  await keep(store, 'shop', true);
  await keep(store, 'shop', false);
  await keep(store, 'shop', true);
  await keep(store, 'shop', true);
  const marks = createReplayMarks(real.log);
  await marks.discard([3], 'a test');
  await marks.write(new Map([[4, { status: 'accepted', storedSequence: 7, error: undefined }]]));
  await cleanupOf(real.log).run();
  expect(await eventsOf(real.log, 'shop')).toBe(4);
  const cleanup = cleanupOf(real.log, 300);
  await vi.waitFor(async () => {
    await cleanup.run();
    expect(await eventsOf(real.log, 'shop')).toBe(1);
  }, 5_000);
  expect(await readMessage(real.log, 'REJECTED', 1)).toBeDefined();
  // The reason outlives its event.
  const later = createReplayMarks(real.log);
  await later.refresh();
  expect(await later.find(3)).toMatchObject({ status: 'discarded', why: 'a test' });
});

test('a discard makes room, also in a full share, and also where nothing else could be stored', async () => {
  await using real = await startRealLog({ rejectedBytesMax: 2 * mebibyte });
  const store = storeOf(real.log);
  const { kept } = await fill(store, 'shop');
  for (const source of ['a', 'b', 'c', 'd', 'e', 'f']) await fill(store, source);
  const marks = createReplayMarks(real.log);
  const all = Array.from({ length: kept }, (_, index) => index + 1);
  expect(await marks.discard(all, 'load test')).toEqual([]);
  const cleanup = cleanupOf(real.log);
  expect(await cleanup.run()).toBe(kept);
  expect(await eventsOf(real.log, 'shop')).toBe(0);
  await vi.waitFor(async () => expect(await keep(store, 'shop', true)).toBeUndefined(), 5_000);
  // A process that starts later does not look for them again.
  expect(await cleanupOf(real.log).run()).toBe(0);
});

test('the full stream of an earlier release is kept, and makes room', async () => {
  await using real = await startRealLog({ rejectedBytesMax: 4 * mebibyte });
  const { streams } = clientsForTests(real.log).manager;
  const { config } = await streams.info('REJECTED');
  await streams.update('REJECTED', {
    ...config,
    discard: DiscardPolicy.Old,
    max_age: 7 * 86_400 * 1_000_000_000,
    max_bytes: 8 * mebibyte,
  });
  for (let count = 0; count < 700; count += 1) {
    const subject = subjects.rejected('shop', 'order_completed');
    await real.log.store(
      'REJECTED',
      subject,
      { 'Headgate-Event-Name': 'x' },
      payload.subarray(0, 9_000),
    );
  }
  const before = await eventsOf(real.log, 'shop');
  const log = await real.open();
  const { config: changed, state } = await streams.info('REJECTED');
  expect(changed).toMatchObject({ discard: DiscardPolicy.New, max_age: 0 });
  expect(state.messages).toBe(before);
  expect(changed.max_bytes).toBe(state.bytes);

  const store = storeOf(log);
  expect(await keep(store, 'shop', true)).toMatch('is full');
  expect(await cleanupOf(log).run()).toBeGreaterThan(100);
  await vi.waitFor(async () => expect(await keep(store, 'shop', true)).toBeUndefined(), 5_000);
  expect(await eventsOf(log, 'shop')).toBeGreaterThan(300);
  // Once it has shrunk, the next start applies the limit.
  await cleanupOf(log).run();
  await real.open();
});

test('half of what the others leave', () => {
  const amount = (bytes: number) => ({ events: 1, bytes });
  const usage = {
    roomBytes: 100,
    storedBytes: 0,
    kinds: { refused: new Map(), quarantined: new Map([['a', amount(40)]]) },
    earlier: amount(0),
  };
  expect(shareOf(usage, 'a')).toBe(50);
  expect(shareOf(usage, 'b')).toBe(30);
});
