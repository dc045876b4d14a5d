import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { createAckWatch, silentMsMax } from './ack-watch.ts';

describe('an ack watch', () => {
  let waiting: number;
  let silent: number;
  let watch: ReturnType<typeof createAckWatch>;

  beforeEach(() => {
    vi.useFakeTimers();
    waiting = 0;
    silent = 0;
    watch = createAckWatch({
      waiting: () => waiting,
      onSilent: () => void (silent += 1),
      now: () => Date.now(),
    });
  });

  afterEach(() => {
    watch.close();
    vi.useRealTimers();
  });

  test('stays quiet while nothing is published, and while answers come', () => {
    vi.advanceTimersByTime(60_000);
    waiting = 5;
    for (let second = 0; second < 60; second += 1) {
      watch.answered();
      vi.advanceTimersByTime(1_000);
    }
    expect([silent, watch.silence()]).toEqual([0, undefined]);
  });

  test('reports messages that wait without an answer, until one comes', () => {
    waiting = 1;
    vi.advanceTimersByTime(silentMsMax);
    expect([silent, watch.silence()]).toEqual([0, 'the log has not answered for 5 s']);
    vi.advanceTimersByTime(3_000);
    expect(silent).toBe(3);
    watch.answered();
    expect(watch.silence()).toBeUndefined();
    vi.advanceTimersByTime(silentMsMax);
    expect(silent).toBe(3);
  });

  test('reports messages that fail at once, also few of them', () => {
    for (let round = 0; round < 3; round += 1) {
      watch.failed();
      vi.advanceTimersByTime(4_000);
    }
    expect(silent).toBe(1);
  });
});
