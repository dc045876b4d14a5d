import { setImmediate as turn } from 'node:timers/promises';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { createHeldRoom } from './held-room.ts';

test('the room shrinks with every event and byte that is held, and grows again', () => {
  const held = createHeldRoom({ messages: 3, bytes: 100 }, () => {});
  expect(held.room()).toEqual({ messages: 3, bytes: 100, isEmpty: true });
  held.hold(60);
  expect(held.room()).toEqual({ messages: 2, bytes: 40, isEmpty: false });
  // One event may be larger than what is left.
  held.hold(70);
  expect(held.room()).toEqual({ messages: 1, bytes: 0, isEmpty: false });
  held.free(70);
  held.free(60);
  expect(held.room()).toEqual({ messages: 3, bytes: 100, isEmpty: true });
});

test('an event that leaves asks for more, once for each look at the room', async () => {
  let asked = 0;
  const held = createHeldRoom({ messages: 3, bytes: 100 }, () => {
    asked += 1;
  });
  for (let count = 0; count < 3; count += 1) held.hold(10);
  held.free(10);
  await turn();
  expect(asked).toBe(0);
  held.room();
  held.free(10);
  held.free(10);
  await turn();
  expect(asked).toBe(1);
});

describe('beside producers', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function paced() {
    const state = { waitMs: 0, asked: 0, pulled: [] as number[] };
    const held = createHeldRoom(
      { messages: 10, bytes: 100 },
      () => void (state.asked += 1),
      (pulled) => {
        state.pulled.push(pulled);
        return state.waitMs;
      },
    );
    return { held, state };
  }

  test('each event is counted once, when the room is asked for', () => {
    const { held, state } = paced();
    held.hold(1);
    held.hold(1);
    held.room();
    held.room();
    held.hold(1);
    held.room();
    expect(state.pulled).toEqual([2, 0, 1]);
  });

  test('there is no room until 3 ms before the time, and then the pull asks again, once', () => {
    const { held, state } = paced();
    state.waitMs = 3;
    expect(held.room().messages).toBe(10);
    state.waitMs = 4;
    expect(held.room().messages).toBe(0);
    state.waitMs = 10;
    expect(held.room().messages).toBe(0);
    vi.advanceTimersByTime(20);
    expect(state.asked).toBe(1);
    state.waitMs = 10;
    held.room();
    vi.advanceTimersByTime(6);
    expect(state.asked).toBe(1);
    vi.advanceTimersByTime(1);
    expect(state.asked).toBe(2);
    state.waitMs = 0;
    expect(held.room().messages).toBe(10);
    expect(vi.getTimerCount()).toBe(0);
  });
});
