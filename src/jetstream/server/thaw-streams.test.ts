import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { thawStreams } from './thaw-streams.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function start() {
  const state = { frozen: new Set<string>(), freeBytes: 0, restarts: [] as string[] };
  const stop = thawStreams({
    storeDir: '/data',
    frozenStreams: () => state.frozen,
    freeBytes: () => state.freeBytes,
    restart: (reason) => state.restarts.push(reason),
  });
  return { state, stop };
}

test('starts the server again once there is room, and not before', () => {
  const { state, stop } = start();
  vi.advanceTimersByTime(10_000);
  state.frozen.add('EVENTS');
  vi.advanceTimersByTime(10_000);
  expect(state.restarts).toEqual([]);
  state.freeBytes = 1024 ** 3;
  vi.advanceTimersByTime(1_000);
  expect(state.restarts).toHaveLength(1);
  expect(state.restarts[0]).toContain('EVENTS');
  state.frozen.clear();
  vi.advanceTimersByTime(600_000);
  expect(state.restarts).toHaveLength(1);
  stop();
});

test('starts a server whose disk goes on failing less and less often', () => {
  const { state, stop } = start();
  state.freeBytes = 1024 ** 3;
  state.frozen.add('EVENTS');
  vi.advanceTimersByTime(3_600_000);
  expect(state.restarts.length).toBeGreaterThan(10);
  expect(state.restarts.length).toBeLessThan(25);
  stop();
});
