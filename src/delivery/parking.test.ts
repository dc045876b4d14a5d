import { describe, expect, test } from 'vitest';

import { Parking, type SharedFailure } from './parking.ts';

interface Named extends SharedFailure {
  readonly held: { readonly name: string };
}

function failureOf(name: string, outcome: Partial<SharedFailure['outcome']> = {}): Named {
  return { held: { name }, outcome: { reason: `${name} failed`, ...outcome } };
}

const other = [{ name: 'other' }];

function setUp(random = 0.5) {
  const changes: [boolean, string][] = [];
  const reasons: string[] = [];
  const parking = new Parking<Named>({
    intervals: { baseMs: 1_000, capMs: 60_000 },
    failuresMax: 3,
    random: () => random,
    onChange: (parked, reason) => changes.push([parked, reason]),
    onReason: (reason) => reasons.push(reason),
  });
  const call = (
    startedMs: number,
    endedMs: number,
    failures: readonly Named[],
    answered: readonly object[] = [],
  ) => parking.decide({ probe: false, startedMs, endedMs, failures, answered });
  const probe = (
    startedMs: number,
    endedMs: number,
    failures: readonly Named[],
    answered: readonly object[] = [],
  ) => {
    expect(parking.mayStart(startedMs)).toBe('probe');
    parking.probeStarted();
    expect(parking.mayStart(startedMs + 1e9)).toBe('nothing');
    return parking.decide({ probe: true, startedMs, endedMs, failures, answered });
  };
  return { parking, changes, reasons, call, probe };
}

const [a, b, c] = [failureOf('a'), failureOf('b'), failureOf('c')];
const nothing = { charged: [], delayed: [], queued: [] };

describe('an outage', () => {
  test('failed events in a row park the destination, and are not charged', () => {
    const { parking, changes, call } = setUp();
    expect(call(0, 10, [a])).toEqual(nothing);
    expect(call(0, 11, [b])).toEqual(nothing);
    expect(parking.suspects).toEqual([a, b]);
    expect(call(0, 12, [c])).toEqual({ ...nothing, queued: [a, b, c] });
    expect(parking.parked).toBe(true);
    expect(changes).toEqual([[true, 'c failed']]);
    expect([parking.mayStart(1_011), parking.mayStart(1_012)]).toEqual(['nothing', 'probe']);
  });

  test('probe intervals grow to the cap, ± 20 %, and start again after a recovery', () => {
    for (const [random, factor] of [
      [0, 0.8],
      [0.5, 1],
      [0.999_999_9, 1.2],
    ] as const) {
      const { parking, changes, call, probe } = setUp(random);
      call(0, 0, [a, b]);
      const waits: number[] = [];
      let nowMs = 0;
      for (let index = 0; index < 9; index += 1) {
        probe(nowMs, nowMs, [a]);
        waits.push((parking.dueMs! - nowMs) / factor / 1_000);
        nowMs = parking.dueMs!;
      }
      expect(waits.map(Math.round)).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
      expect(changes).toHaveLength(1);
      expect(probe(nowMs, nowMs, [], other)).toEqual(nothing);
      expect(parking.parked).toBe(false);
      expect(changes).toEqual([
        [true, 'a failed'],
        [false, ''],
      ]);
      call(nowMs, nowMs, [a, b]);
      probe(nowMs, nowMs, [b]);
      expect(Math.round((parking.dueMs! - nowMs) / factor)).toBe(1_000);
    }
  });

  test('that seems to be over is probed at once, unless the destination asked to wait', () => {
    const { parking, call, probe } = setUp();
    call(0, 0, [a, b]);
    for (const nowMs of [0, 10_000, 20_000, 40_000]) probe(nowMs, nowMs, [a]);
    expect(parking.dueMs).toBe(48_000);
    parking.hurry(41_000);
    expect(parking.dueMs).toBe(41_000);
    parking.hurry(42_000);
    expect(parking.dueMs).toBe(41_000);
    probe(41_000, 41_500, [failureOf('a', { notBeforeMs: 5_000 })]);
    parking.hurry(42_000);
    expect(parking.dueMs).toBe(46_500);
    probe(46_500, 46_500, [], other);
    parking.hurry(47_000);
    expect([parking.parked, parking.mayStart(47_000)]).toEqual([false, 'batch']);
  });

  test('has the reason of the last probe, and is reported once', () => {
    const { parking, changes, reasons, call, probe } = setUp();
    call(0, 10, [a, b]);
    probe(10, 20, [a]);
    expect(changes).toEqual([[true, 'a failed']]);
    expect(reasons).toEqual([]);
    probe(2_000, 2_010, [a]);
    expect(reasons).toEqual([]);
    probe(10_000, 10_010, [b]);
    probe(20_000, 20_010, [b]);
    expect(reasons).toEqual(['b failed']);
    probe(60_000, 60_010, [], other);
    expect(parking.parked).toBe(false);
    expect(changes).toEqual([
      [true, 'a failed'],
      [false, ''],
    ]);
  });

  test('Retry-After is the shortest wait, and a day the longest', () => {
    const { parking, call, probe } = setUp();
    call(0, 0, [failureOf('a', { notBeforeMs: 5_000 }), b]);
    expect(parking.dueMs).toBe(5_000);
    probe(5_000, 5_000, [failureOf('c', { notBeforeMs: 1e12 })]);
    expect(parking.dueMs).toBe(5_000 + 86_400_000);
  });

  test('only a call that began after parking ends it; an earlier call does not', () => {
    const { parking, call, probe } = setUp();
    call(0, 100, [a, b]);
    expect(call(50, 120, [], other)).toEqual(nothing);
    expect(parking.parked).toBe(true);
    expect(call(60, 130, [c])).toEqual({ ...nothing, queued: [c] });
    probe(130, 140, [], other);
    expect(parking.mayStart(140)).toBe('batch');
  });

  test('a probe that did not reach the destination is followed by another at once', () => {
    const { parking, call, probe } = setUp();
    call(0, 0, [a, b]);
    expect(probe(0, 7, [])).toEqual(nothing);
    expect(parking.dueMs).toBe(7);
  });
});

describe('one bad event', () => {
  test('is charged only by the answer to a call that began after the failure', () => {
    const { parking, changes, call } = setUp();
    call(0, 10, [a]);
    expect(call(5, 11, [], other)).toEqual(nothing);
    expect(call(12, 13, [], other)).toEqual({ ...nothing, charged: [a] });
    expect(parking.suspects).toEqual([]);
    expect(call(14, 15, [a, b], [...other, ...other])).toEqual({ ...nothing, charged: [a, b] });
    expect(changes).toEqual([]);
  });

  test('in a batch: the first probe starts at once, and no outage is reported', () => {
    const { parking, changes, call, probe } = setUp();
    expect(call(0, 10, [a, b])).toEqual({ ...nothing, queued: [a, b] });
    expect(probe(10, 12, [], other)).toEqual(nothing);
    expect(parking.mayStart(12)).toBe('batch');
    expect(changes).toEqual([]);
  });

  test('is not counted if most of its batch failed, or if it was asked to wait', () => {
    const { call } = setUp();
    expect(call(0, 1, [a, b], other)).toEqual({ ...nothing, delayed: [a, b] });
    const throttled = failureOf('t', { status: '429' });
    const told = failureOf('u', { status: '503', notBeforeMs: 1 });
    expect(call(1, 2, [throttled, told], [...other, ...other])).toEqual({
      ...nothing,
      delayed: [throttled, told],
    });
  });
});

describe('an event with nothing else to try', () => {
  const lone = (): ReturnType<typeof setUp> => {
    const rig = setUp();
    rig.call(0, 1, [], other);
    rig.call(2, 3, [a]);
    expect(rig.parking.decideIdle(3)).toEqual({ ...nothing, queued: [a] });
    expect(rig.parking.decideIdle(3)).toEqual(nothing);
    expect(rig.changes).toEqual([[true, 'a failed']]);
    return rig;
  };

  test('is charged after another answer if only this event failed between two answers', () => {
    const { probe } = lone();
    expect(probe(1_003, 1_004, [a])).toEqual({ ...nothing, queued: [a] });
    expect(probe(9_000, 9_001, [], other)).toEqual({ ...nothing, charged: [a] });
  });

  test('is not charged if a third event failed, too, or if it is itself answered', () => {
    const { probe } = lone();
    probe(1_003, 1_004, [b]);
    expect(probe(9_000, 9_001, [], other)).toEqual(nothing);
    expect(lone().probe(1_003, 1_004, [], [a.held])).toEqual(nothing);
  });

  test('is not charged if the previous answer was long ago', () => {
    const { parking, call, probe } = setUp();
    call(0, 1, [], other);
    call(5_000, 5_001, [a]);
    parking.decideIdle(5_001);
    expect(probe(9_000, 9_001, [], other)).toEqual(nothing);
  });
});
