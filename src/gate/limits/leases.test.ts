import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import type { SourceLimits } from '../../config/write-key.ts';
import type { LimitAsk, Taken } from './allowance.ts';
import { createAllowances } from './allowances.ts';
import { createLeaseDesk, type LeaseDesk } from './lease-desk.ts';
import { createLeasedLimiter, type LeasedLimiter } from './leased-limiter.ts';
import type { LimitedSource } from './source-limiter.ts';

/*
 * Several processes that share the limit of a source, by messages that take a while.
 */

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
  vi.setSystemTime(new Date('2026-03-01T12:00:00Z'));
});

afterEach(() => {
  vi.useRealTimers();
});

const messageMs = 2;

/** The first process, and others. `stopped`: numbers of processes that read no messages. */
function open(processes: number, limits: Partial<SourceLimits>) {
  let producer: LimitedSource = {
    source: 'shop',
    limits: { eventsPerSecond: undefined, burst: undefined, bytesPerDay: undefined, ...limits },
  };
  const stopped = new Set<number>();
  let messages = 0;
  const later = (run: () => void): void => {
    messages += 1;
    setTimeout(run, messageMs);
  };
  const limiters: LeasedLimiter[] = [];
  const desk: LeaseDesk = createLeaseDesk(createAllowances(), (number, order) =>
    later(() => {
      if (!stopped.has(number)) limiters[number]!.receive(structuredClone(order));
    }),
  );
  for (let number = 0; number < processes; number += 1) {
    limiters.push(
      createLeasedLimiter((report) => later(() => desk.receive(number, structuredClone(report)))),
    );
  }
  const ask = (events: number, more: Partial<LimitAsk> = {}): LimitAsk => ({
    events,
    bytes: 0,
    isWhole: false,
    ...more,
  });
  return {
    desk,
    stopped,
    messages: () => messages,
    /** What a request in a process gets. */
    take: async (number: number, events: number, more?: Partial<LimitAsk>): Promise<Taken> => {
      let taken: Taken | undefined;
      limiters[number]!.take(producer, ask(events, more), (given) => (taken = given));
      while (taken === undefined) await vi.advanceTimersByTimeAsync(1);
      return taken;
    },
    /** Sends without waiting; the count is of all that were taken. */
    send: (number: number, events: number, count: (taken: Taken) => void): void =>
      limiters[number]!.take(producer, ask(events), count),
    useLimits: (next: Partial<SourceLimits>): void => {
      producer = { ...producer, limits: { ...producer.limits, ...next } };
    },
    refusal: (number: number) => limiters[number]!.refusal(producer, undefined),
  };
}

describe('several processes', () => {
  test('together take the limit, and not one more', async () => {
    const { send } = open(4, { eventsPerSecond: 1_000, burst: 1_000 });
    let taken = 0;
    // Ten times the limit, in requests of different sizes, for five seconds.
    for (let step = 0; step < 5_000; step += 1) {
      for (const [number, events] of [1, 2, 3, 4].entries()) {
        send(number, events, (given) => (taken += given.events));
      }
      await vi.advanceTimersByTimeAsync(1);
    }
    await vi.advanceTimersByTimeAsync(100);
    expect(taken).toBeLessThanOrEqual(1_000 + 5_000 + 100);
    expect(taken).toBeGreaterThanOrEqual(1_000 + 5_000 - 50);
  });

  test('a process gets what another holds and does not use', async () => {
    const { take } = open(2, { eventsPerSecond: 1_000, burst: 100 });
    // The first one holds some of the rest now.
    expect(await take(0, 10)).toMatchObject({ events: 10 });
    const all = await take(1, 90, { isWhole: true });
    expect(all).toMatchObject({ events: 90, limit: undefined });
  });

  test('most requests need no message', async () => {
    const { take, messages } = open(2, { eventsPerSecond: 10_000, burst: 10_000 });
    for (let request = 0; request < 400; request += 1) await take(0, 1);
    // Every 500 events a question and an answer.
    expect(messages()).toBeLessThanOrEqual(4);
  });

  test('far beyond the limit, a process refuses by itself, with a true delay', async () => {
    const { take, messages, refusal } = open(2, { eventsPerSecond: 10, burst: 10 });
    await take(0, 10);
    expect(await take(0, 1)).toMatchObject({ events: 0, limit: 'events_per_second' });
    const before = messages();
    for (let request = 0; request < 1_000; request += 1) {
      expect(await take(0, 1)).toMatchObject({ events: 0 });
    }
    expect(messages()).toBe(before);
    const { waitMs } = refusal(0)!;
    await vi.advanceTimersByTimeAsync(waitMs);
    expect(refusal(0)).toBeUndefined();
    expect(await take(0, 1)).toMatchObject({ events: 1 });
  });

  test('bytes a day are shared to the last byte', async () => {
    const { take } = open(3, { bytesPerDay: 1_000_000 });
    let taken = 0;
    for (let request = 0; request < 1_200; request += 1) {
      taken += (await take(request % 3, 1, { bytes: 1_000 })).events;
    }
    expect(taken).toBe(1_000);
    const refused = await take(0, 1, { bytes: 1 });
    expect(refused.limit).toBe('bytes_per_day');
    expect(refused.waitMs).toBeLessThanOrEqual(12 * 3_600_000);
    expect(refused.waitMs).toBeGreaterThan(12 * 3_600_000 - 60_000);
  });

  test.each(['held', 'on its way'])(
    'a rate that is set later applies to what is %s',
    async (what) => {
      const { take, send, useLimits } = open(2, { bytesPerDay: 1_000_000_000 });
      await take(0, 1, { bytes: 100 });
      if (what === 'on its way') send(0, 1_000_000, () => {});
      useLimits({ eventsPerSecond: 10, burst: 10 });
      let taken = 0;
      for (let request = 0; request < 50; request += 1) {
        taken += (await take(0, 1, { bytes: 100 })).events;
      }
      expect(taken).toBeGreaterThanOrEqual(10);
      expect(taken).toBeLessThanOrEqual(11);
    },
  );

  test('one that does not answer a recall holds the others up for a moment only', async () => {
    const { take, stopped } = open(2, { eventsPerSecond: 1_000, burst: 100 });
    await take(0, 10);
    stopped.add(0);
    const startedAt = performance.now();
    // What the first one holds is missing.
    const taken = await take(1, 100);
    expect(performance.now() - startedAt).toBeLessThan(250);
    expect(taken.events).toBeGreaterThanOrEqual(40);
  });

  test('one that ended is not waited for', async () => {
    const { take, stopped, desk } = open(2, { eventsPerSecond: 1_000, burst: 100 });
    await take(0, 10);
    stopped.add(0);
    desk.ended(0);
    const startedAt = performance.now();
    await take(1, 100);
    expect(performance.now() - startedAt).toBeLessThan(20);
  });

  test('requests that wait are bounded', async () => {
    const { send } = open(1, { eventsPerSecond: 1_000_000, burst: 10_000_000 });
    const refused: Taken[] = [];
    const note = (taken: Taken): void => {
      if (taken.events === 0) refused.push(taken);
    };
    send(0, 1, note);
    for (let request = 0; request < 39; request += 1) send(0, 500, note);
    send(0, 499, note);
    expect(refused).toEqual([]);
    send(0, 1, note);
    expect(refused).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(10);
    expect(refused).toHaveLength(1);
  });
});
