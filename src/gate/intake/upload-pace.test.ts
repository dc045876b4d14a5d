import { describe, expect, test, vi } from 'vitest';

import type { HttpCall } from '../../http/http-call.ts';
import type { Callers } from './callers.ts';
import { createKeylessTurns } from './keyless-turns.ts';
import { UploadPace } from './upload-pace.ts';

const small = 64 * 1024;

function openPace(burstMs: number, isProven = false) {
  vi.useFakeTimers();
  const turns = createKeylessTurns({ share: 0.05, burstMs, runningMax: 2 });
  const connection = {};
  const calls: string[] = [];
  const call = {
    connection,
    hold: () => calls.push('hold'),
    resume: () => calls.push('resume'),
  } as unknown as HttpCall;
  const callers = {
    turns,
    proven: new WeakSet(isProven ? [connection] : []),
    addressOf: () => 'a',
    limited: (limit: string) => calls.push(limit),
  } as unknown as Callers;
  return { pace: new UploadPace(callers, call), calls, turns };
}

describe('the pace of an upload of an unknown caller', () => {
  test('is free for a small one, and for one byte more while time is left', () => {
    const { pace, calls } = openPace(0.1);
    pace.take(small);
    pace.take(1);
    expect(calls).toEqual([]);
    vi.useRealTimers();
  });

  test('is paused when no time is left, and continues later', () => {
    const { pace, calls } = openPace(0.1);
    pace.take(2 * small);
    pace.take(small);
    pace.take(small);
    expect(calls).toEqual(['hold', 'keyless_turn']);
    vi.advanceTimersByTime(16);
    expect(calls).toEqual(['hold', 'keyless_turn', 'resume']);
    // What came while it was held is paid for, too.
    pace.take(small);
    expect(calls).toHaveLength(5);
    vi.useRealTimers();
  });

  test('is free on a connection that had a valid key', () => {
    const { pace, calls } = openPace(0.1, true);
    for (let each = 0; each < 10; each += 1) pace.take(small);
    expect(calls).toEqual([]);
    vi.useRealTimers();
  });

  test('is given back when the key is found', () => {
    const { pace, turns } = openPace(0.5);
    pace.take(4 * small);
    expect(turns.spend(0.5)).toBe(false);
    pace.giveBack();
    expect(turns.spend(0.5)).toBe(true);
    vi.useRealTimers();
  });
});
