import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { createKeylessTurns, type KeylessTurns, type Turn } from './keyless-turns.ts';

describe('turns of keyless work', () => {
  let turns: KeylessTurns;
  const ran: string[] = [];

  function turn(address: string, costMs: number | undefined): Turn {
    return {
      address,
      run: () => {
        ran.push(address);
        if (costMs !== undefined) turns.done(costMs);
      },
    };
  }

  beforeEach(() => {
    vi.useFakeTimers();
    ran.length = 0;
    turns = createKeylessTurns({ share: 0.1, burstMs: 10, runningMax: 2 });
  });
  afterEach(() => {
    turns.close();
    vi.useRealTimers();
  });

  test('run at once while time is left, and then as fast as their share allows', () => {
    for (let each = 0; each < 5; each += 1) turns.enter(turn('a', 5));
    expect(ran).toHaveLength(2);
    // One runs as soon as there is any time; its 5 ms are paid 50 ms later.
    vi.advanceTimersByTime(40);
    expect(ran).toHaveLength(3);
    vi.advanceTimersByTime(40);
    expect(ran).toHaveLength(4);
    vi.advanceTimersByTime(1000);
    expect(ran).toHaveLength(5);
  });

  test('go round the addresses', () => {
    turns.enter(turn('a', 10));
    for (const address of ['a', 'a', 'a', 'b', 'c']) turns.enter(turn(address, 10));
    vi.advanceTimersByTime(1000);
    expect(ran).toEqual(['a', 'a', 'b', 'c', 'a', 'a']);
  });

  test('run two at a time, and no more', () => {
    for (let each = 0; each < 3; each += 1) turns.enter(turn('a', undefined));
    expect(ran).toHaveLength(2);
    turns.done(1);
    expect(ran).toHaveLength(3);
  });

  test('leave the rest of a burst to the next turns of the event loop', () => {
    turns = createKeylessTurns({ share: 0.1, burstMs: 100, turnMsMax: 5, runningMax: 2 });
    expect([turns.spend(4), turns.spend(1), turns.spend(1)]).toEqual([true, true, false]);
    for (let each = 0; each < 4; each += 1) turns.enter(turn('a', 3));
    expect(ran).toHaveLength(0);
    vi.advanceTimersToNextTimer();
    expect(ran).toHaveLength(2);
    vi.advanceTimersToNextTimer();
    expect(ran).toHaveLength(4);
  });

  test('are given back where a key was found, up to the burst', () => {
    expect(turns.spend(10)).toBe(true);
    expect(turns.spend(1)).toBe(false);
    turns.giveBack(5);
    expect(turns.spend(100)).toBe(true);
    turns.giveBack(1000);
    expect(turns.spend(10)).toBe(true);
    expect(turns.spend(1)).toBe(false);
  });

  test('can be taken back before they run', () => {
    turns.spend(10);
    const waiting = turn('a', 1);
    turns.enter(waiting);
    expect(turns.leave(waiting)).toBe(true);
    expect(turns.leave(waiting)).toBe(false);
    vi.advanceTimersByTime(1000);
    expect(ran).toEqual([]);
  });
});
