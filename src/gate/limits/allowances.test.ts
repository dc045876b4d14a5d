import { describe, expect, test } from 'vitest';

import type { SourceLimits } from '../../config/write-key.ts';
import { dayMs } from './allowance.ts';
import { createAllowances, type GateTaken } from './allowances.ts';

const limits: SourceLimits = { eventsPerSecond: 10, burst: 100, bytesPerDay: undefined };

test('of three gates, the first events of one that was idle count in the others', () => {
  const clocks = { monotonicMs: () => 5_000, unixMs: () => 20_000 * 86_400_000 };
  const [here, busy, idle] = [1, 2, 3].map(() => createAllowances(clocks));
  const ask = { events: 40, bytes: 100, isWhole: false };
  const allowance = here!.of('shop', limits);
  const hear = (): void => {
    here!.takenElsewhere(busy!.taken('busy'));
    here!.takenElsewhere(idle!.taken('idle'));
  };
  hear();
  busy!.of('shop', limits).take(ask);
  hear();
  here!.takenElsewhere(busy!.taken('busy'));
  idle!.of('shop', limits).take(ask);
  hear();
  expect(allowance.eventsLeft()).toBe(20);
});

describe('with a wrong clock', () => {
  const today = 20_000;
  const daily: SourceLimits = { ...limits, bytesPerDay: 1_000 };

  /** A gate whose clocks a test moves, and that hears what others took of one source. */
  function openGate() {
    let monotonicMs = 5_000;
    let unixMs = today * dayMs + 3_600_000;
    const allowances = createAllowances({ monotonicMs: () => monotonicMs, unixMs: () => unixMs });
    const hear = (gate: string, day: number, events = 0, bytes = 0): void => {
      const report: GateTaken = { gate, day, sources: { shop: { events, bytes } } };
      allowances.takenElsewhere(report);
    };
    return {
      allowances,
      allowance: allowances.of('shop', daily),
      hear,
      setClock: (ms: number) => (unixMs += ms),
      wait: (ms: number) => {
        monotonicMs += ms;
        unixMs += ms;
      },
    };
  }

  test('another gate does not make this one forget what a gate that has ended took today', () => {
    const { allowance, hear } = openGate();
    hear('ended', today, 0, 900);
    hear('ahead', today + 2);
    hear('live', today);
    expect(allowance.bytesLeft()).toBe(100);
  });

  test('another gate has its events counted, and so have the others', () => {
    const { allowance, hear } = openGate();
    for (const events of [0, 10, 20]) {
      hear('live', today, events);
      hear('ahead', today + 2, events);
    }
    expect(allowance.eventsLeft()).toBe(60);
  });

  test('another gate that has ended takes nothing of the day that its clock showed', () => {
    const { allowance, hear, wait } = openGate();
    hear('ahead', today + 2, 0, 900);
    wait(2 * dayMs);
    hear('live', today + 2);
    expect(allowance.bytesLeft()).toBe(1_000);
  });

  test('this gate knows what the others took today once its clock is right again', () => {
    const { allowances, allowance, hear, setClock } = openGate();
    hear('ended', today, 0, 900);
    setClock(30 * dayMs);
    allowances.usage();
    hear('live', today);
    expect(allowance.bytesLeft()).toBe(1_000);
    setClock(-30 * dayMs);
    expect(allowances.usage()).toMatchObject([{ day: 0.9 }]);
    expect(allowance.bytesLeft()).toBe(100);
    expect(allowances.taken('here').day).toBe(today);
  });

  test('a gate that is silent for more than a day is heard for the first time again', () => {
    const { allowance, hear, wait } = openGate();
    hear('silent', today, 0);
    wait(dayMs - 1);
    hear('silent', today, 10);
    expect(allowance.eventsLeft()).toBe(90);
    wait(dayMs + 1);
    hear('silent', today, 50);
    expect(allowance.eventsLeft()).toBe(100);
  });
});

test('the bytes of other gates are the sum of their last reports, whatever came before', () => {
  let monotonicMs = 0;
  const day = 20_000;
  const allowances = createAllowances({
    monotonicMs: () => monotonicMs,
    unixMs: () => day * dayMs,
  });
  const allowance = allowances.of('shop', { ...limits, bytesPerDay: 1_000_000 });
  const last = new Map<
    string,
    { readonly day: number; readonly bytes: number; readonly at: number }
  >();
  // A fixed sequence, so that a failure comes again.
  let state = 7;
  const below = (end: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % end;
  };
  for (let report = 0; report < 2_000; report += 1) {
    monotonicMs += below(dayMs / 20);
    const [gate, on, bytes] = [`gate-${below(8)}`, day - 1 + below(3), below(1_000)];
    last.set(gate, { day: on, bytes, at: monotonicMs });
    allowances.takenElsewhere({ gate, day: on, sources: { shop: { events: 0, bytes } } });
    const today = [...last.values()].filter((one) => {
      return one.day === day && monotonicMs - one.at <= dayMs;
    });
    const taken = today.reduce((sum, one) => sum + one.bytes, 0);
    expect(allowance.bytesLeft()).toBe(1_000_000 - taken);
  }
});
