import { describe, expect, test } from 'vitest';

import type { SourceLimits } from '../../config/write-key.ts';
import { Allowance, type LimitAsk } from './allowance.ts';

const dayMs = 86_400_000;
const none: SourceLimits = {
  eventsPerSecond: undefined,
  burst: undefined,
  bytesPerDay: undefined,
};
const rate = (eventsPerSecond: number, burst: number): SourceLimits => ({
  ...none,
  eventsPerSecond,
  burst,
});

/** An allowance with clocks that a test moves. */
function open(limits: SourceLimits) {
  let now = 5_000;
  let unix = 100 * dayMs + 3_600_000;
  const allowance = new Allowance(limits, { monotonicMs: () => now, unixMs: () => unix });
  const ask = (events: number, more: Partial<LimitAsk> = {}): LimitAsk => ({
    events,
    bytes: 0,
    isWhole: false,
    ...more,
  });
  return {
    allowance,
    wait: (ms: number) => {
      now += ms;
      unix += ms;
    },
    setClock: (ms: number) => (unix = ms),
    take: (events: number, more?: Partial<LimitAsk>) => allowance.take(ask(events, more)),
  };
}

describe('events a second', () => {
  test('the burst at once, and not one more', () => {
    const { take } = open(rate(10, 100));
    expect(take(99).events).toBe(99);
    expect(take(1)).toEqual({ events: 1, limit: undefined, waitMs: 0 });
    expect(take(1)).toEqual({ events: 0, limit: 'events_per_second', waitMs: 100 });
  });

  test('the delay is true: not a millisecond before, and exactly then', () => {
    const { take, wait } = open(rate(7, 20));
    expect(take(25)).toEqual({ events: 20, limit: 'events_per_second', waitMs: 715 });
    wait(714);
    expect(take(5)).toMatchObject({ events: 4 });
    const other = open(rate(7, 20));
    other.take(25);
    other.wait(715);
    expect(other.take(5)).toMatchObject({ events: 5, limit: undefined });
  });

  test('allows its rate over a long time, whatever the size of requests', () => {
    const { take, wait } = open(rate(300, 300));
    let taken = 0;
    for (let step = 0; step < 10_000; step += 1) {
      taken += take(1 + (step % 17)).events;
      wait(1);
    }
    expect(taken).toBeGreaterThanOrEqual(300 + 3_000 - 3);
    expect(taken).toBeLessThanOrEqual(300 + 3_000);
  });

  test('a pause earns the burst and no more', () => {
    const { take, wait } = open(rate(10, 20));
    take(20);
    wait(3_600_000);
    expect(take(50).events).toBe(20);
  });

  test('a delay is for the burst at most: more is never allowed at once', () => {
    const { take } = open(rate(10, 20));
    take(20);
    expect(take(500)).toMatchObject({ events: 0, waitMs: 2_000 });
  });
});

describe('a request that is taken whole or not at all', () => {
  const isWhole = true;

  test('waits until all of it is allowed', () => {
    const { take, wait } = open(rate(10, 20));
    take(15);
    expect(take(6, { isWhole })).toEqual({ events: 0, limit: 'events_per_second', waitMs: 100 });
    wait(100);
    expect(take(6, { isWhole })).toMatchObject({ events: 6 });
  });

  test('larger than the burst: taken when the bucket is full, and paid afterwards', () => {
    const { take, wait } = open(rate(10, 20));
    take(1);
    expect(take(50, { isWhole })).toMatchObject({ events: 0, waitMs: 100 });
    wait(100);
    expect(take(50, { isWhole })).toMatchObject({ events: 50, limit: undefined });
    // A debt of 30, then one event.
    expect(take(1)).toMatchObject({ events: 0, waitMs: 3_100 });
    wait(3_100);
    expect(take(1)).toMatchObject({ events: 1 });
  });
});

describe('bytes a day', () => {
  const bytes = (bytesPerDay: number): SourceLimits => ({ ...none, bytesPerDay });

  test('the last byte of the day, and not one more until midnight UTC', () => {
    const { take, wait } = open(bytes(1_000));
    expect(take(1, { bytes: 1_000 }).events).toBe(1);
    expect(take(1, { bytes: 1 })).toEqual({
      events: 0,
      limit: 'bytes_per_day',
      waitMs: dayMs - 3_600_000,
    });
    wait(dayMs - 3_600_000 - 1);
    expect(take(1, { bytes: 1 }).events).toBe(0);
    wait(1);
    expect(take(1, { bytes: 1_000 }).events).toBe(1);
  });

  test('the events of a request that fit, if each counts as much', () => {
    const { take } = open(bytes(1_000));
    expect(take(10, { bytes: 2_000 })).toMatchObject({ events: 5, limit: 'bytes_per_day' });
    expect(open(bytes(1_000)).take(10, { bytes: 2_000, isWhole: true }).events).toBe(0);
  });

  test('what is used beyond the day, by other gates or by a limit that was lowered, gives nothing', () => {
    const { allowance, take } = open({ ...rate(10, 10), bytesPerDay: 1_000 });
    take(4, { bytes: 800 });
    allowance.othersBytes = 700;
    for (const isWhole of [false, true]) {
      expect(take(10, { bytes: 100, isWhole })).toMatchObject({
        events: 0,
        limit: 'bytes_per_day',
      });
    }
    expect(take(1, { bytes: 1 }).events).toBe(0);
    expect(allowance).toMatchObject({ takenEvents: 4, takenBytes: 800 });
    expect(allowance.eventsLeft()).toBe(6);
  });

  test('a request beyond both limits gets the delay after which it can be sent', () => {
    const limits = { ...rate(10, 10), bytesPerDay: 1_000 };
    const whole = open(limits);
    whole.take(10, { bytes: 500 });
    const midnight = { events: 0, limit: 'bytes_per_day', waitMs: dayMs - 3_600_000 };
    expect(whole.take(10, { bytes: 600, isWhole: true })).toEqual(midnight);
    expect(open(limits).take(20, { bytes: 2_000 })).toEqual({ ...midnight, events: 10 });
  });

  test('what other gates took counts', () => {
    const { allowance, take } = open(bytes(1_000));
    allowance.othersBytes = 400;
    expect(take(1, { bytes: 601 }).events).toBe(0);
    expect(take(1, { bytes: 600 }).events).toBe(1);
  });

  test('a clock that goes back gives no second day', () => {
    const { take, setClock } = open(bytes(1_000));
    setClock(101 * dayMs);
    expect(take(1, { bytes: 1_000 }).events).toBe(1);
    setClock(100 * dayMs);
    expect(take(1, { bytes: 1 }).events).toBe(0);
    setClock(101 * dayMs + 5);
    expect(take(1, { bytes: 1 }).events).toBe(0);
  });

  test('a clock that goes far ahead and back does not stop the days', () => {
    const { allowance, take, setClock } = open(bytes(1_000));
    setClock(130 * dayMs);
    allowance.startDay();
    setClock(100 * dayMs);
    expect(take(1, { bytes: 1_000 }).events).toBe(1);
    expect(take(1, { bytes: 1 })).toMatchObject({ events: 0, waitMs: dayMs });
    setClock(101 * dayMs);
    expect(take(1, { bytes: 1_000 }).events).toBe(1);
  });

  test('what was taken while the clock was far ahead counts today', () => {
    const { allowance, take, setClock } = open(bytes(1_000));
    setClock(130 * dayMs);
    take(1, { bytes: 600 });
    const ahead = allowance.takeAhead(0.5, 1_000);
    expect(ahead.bytes).toBe(1);
    setClock(100 * dayMs);
    expect(take(1, { bytes: 400 }).events).toBe(0);
    allowance.giveBack(ahead);
    expect(take(1, { bytes: 400 }).events).toBe(1);
  });

  test('without a limit of events, any number', () => {
    const { take } = open(bytes(1_000));
    expect(take(1_000_000, { bytes: 1 }).events).toBe(1_000_000);
  });
});

describe('taken elsewhere', () => {
  test('becomes a debt, of the burst and ten seconds at most', () => {
    const { allowance, take, wait } = open(rate(10, 20));
    allowance.takenElsewhere(25);
    expect(take(1)).toMatchObject({ events: 0, waitMs: 600 });
    allowance.takenElsewhere(1_000_000);
    wait(12_000);
    expect(take(1).events).toBe(0);
    wait(100);
    expect(take(1).events).toBe(1);
  });

  test('forgives no debt that is larger already', () => {
    const { allowance, take } = open(rate(1, 1));
    take(500, { isWhole: true });
    allowance.takenElsewhere(1);
    expect(allowance.eventsLeft()).toBe(-499);
  });
});

describe('taken ahead', () => {
  test('counts as taken until it is given back', () => {
    const { allowance, take } = open(rate(100, 100));
    const ahead = allowance.takeAhead(0.5, 1_000);
    expect(ahead.events).toBe(50);
    expect(take(100).events).toBe(50);
    allowance.giveBack({ ...ahead, events: 20 });
    expect([allowance.takenEvents, take(100).events]).toEqual([80, 20]);
  });

  test('yesterday’s bytes are no part of today', () => {
    const { allowance, take, wait } = open({ ...none, bytesPerDay: 10_000 });
    const ahead = allowance.takeAhead(0.5, 1_000);
    wait(dayMs);
    take(1, { bytes: 500 });
    allowance.giveBack(ahead);
    expect(allowance.takenBytes).toBe(500);
  });
});

describe('before a request is decoded', () => {
  test('nothing is said while an event could be taken', () => {
    const { allowance, take } = open(rate(10, 2));
    take(1);
    expect(allowance.refusal(undefined)).toBeUndefined();
    take(1);
    expect(allowance.refusal(1)).toMatchObject({ limit: 'events_per_second', waitMs: 100 });
  });

  test('the delay is for as many as the last request had', () => {
    const { allowance, take } = open(rate(10, 20));
    take(14);
    take(6);
    expect(allowance.refusal(undefined)).toMatchObject({ waitMs: 600 });
  });
});

test('changed limits keep what was taken', () => {
  const { allowance, take } = open(rate(10, 100));
  take(90);
  allowance.useLimits(rate(20, 50));
  expect(take(20)).toEqual({ events: 10, limit: 'events_per_second', waitMs: 500 });
  allowance.useLimits(rate(20, 5));
  allowance.useLimits({ ...none, bytesPerDay: 10_000 });
  expect(take(1_000).events).toBe(1_000);
  allowance.useLimits(rate(1, 3));
  expect(take(5).events).toBe(3);
});
