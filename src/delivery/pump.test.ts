import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Destination } from '../destinations/destination.ts';
import { HeldEvent } from './held-event.ts';
import { createLanes } from './lanes.ts';
import { createPump } from './pump.ts';
import { createRunningBatches } from './running-batches.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const destination = { batchEventsMax: 10, concurrency: 2 } as unknown as Destination;

/** A worker's pump, and the calls that it has started. */
function rig(options: Partial<Destination> & { parking?: 'batch' | 'probe' }) {
  const { parking: may = 'batch', ...more } = options;
  const queue = createLanes(2);
  const calls: { size: number; end: () => void }[] = [];
  const running = createRunningBatches(
    () => 0,
    () => pump(),
  );
  const parking = {
    mayStart: () => may,
    probeStarted: () => {},
    dueMs: undefined,
    decideIdle: () => undefined,
  };
  const run = (events: readonly HeldEvent[]): Promise<void> =>
    new Promise((end) => calls.push({ size: events.length, end }));
  const pump = createPump({
    destination: { ...destination, ...more },
    queue,
    running,
    parking: parking as never,
    calls: { run, apply: async () => {} } as never,
    aside: { sweep: () => {} } as never,
    signals: {} as never,
    stopping: () => false,
    isTaking: () => false,
  });
  const arrive = (count: number, eventsMax?: number): void => {
    for (let at = 0; at < count; at += 1) {
      const message = { subject: 'headgate.events.0.shop.order_completed', payload: Buffer.of() };
      const held = new HeldEvent({ ...message, sequence: at } as never, 'EVENTS');
      if (eventsMax !== undefined) held.batchEventsMax = eventsMax;
      queue.push(held);
    }
    pump();
  };
  return { arrive, calls, sizes: () => calls.map(({ size }) => size) };
}

test('a call takes what has arrived, if the destination does not want fuller ones', () => {
  const { arrive, sizes } = rig({});
  arrive(1);
  arrive(1);
  expect(sizes()).toEqual([1, 1]);
});

test('while another call runs, events wait for a fuller call, but no longer than the destination wants', async () => {
  const { arrive, sizes } = rig({ fullCallWaitMs: 100 });
  arrive(1);
  expect(sizes()).toEqual([1]);
  for (let at = 0; at < 8; at += 1) {
    arrive(1);
    await vi.advanceTimersByTimeAsync(12);
  }
  expect(sizes()).toEqual([1]);
  await vi.advanceTimersByTimeAsync(4);
  expect(sizes()).toEqual([1, 8]);
});

test('when no more arrive, a call waits only a moment for them', async () => {
  const { arrive, sizes } = rig({ fullCallWaitMs: 100 });
  arrive(1);
  arrive(3);
  await vi.advanceTimersByTimeAsync(14);
  expect(sizes()).toEqual([1]);
  await vi.advanceTimersByTimeAsync(1);
  expect(sizes()).toEqual([1, 3]);
});

test('half of a call that has failed is full with its own events', () => {
  const { arrive, sizes } = rig({ fullCallWaitMs: 100 });
  arrive(1);
  arrive(2, 2);
  expect(sizes()).toEqual([1, 2]);
});

test('a full call starts at once, and the next one has a wait of its own', async () => {
  const { arrive, calls, sizes } = rig({ fullCallWaitMs: 100, concurrency: 3 });
  arrive(1);
  arrive(4);
  await vi.advanceTimersByTimeAsync(14);
  arrive(7);
  expect(sizes()).toEqual([1, 10]);
  await vi.advanceTimersByTimeAsync(14);
  expect(sizes()).toEqual([1, 10]);
  await vi.advanceTimersByTimeAsync(1);
  expect(sizes()).toEqual([1, 10, 1]);
  for (const { end } of calls) end();
});

test('when no call runs any more, the events that waited are sent', async () => {
  const { arrive, calls, sizes } = rig({ fullCallWaitMs: 100 });
  arrive(1);
  arrive(1);
  calls[0]!.end();
  await vi.advanceTimersByTimeAsync(0);
  expect(sizes()).toEqual([1, 1]);
});

test('a probe of a parked destination does not wait', () => {
  const { arrive, sizes } = rig({ fullCallWaitMs: 100, parking: 'probe' });
  arrive(3);
  expect(sizes()).toEqual([1, 1]);
});
