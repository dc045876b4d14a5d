import { describe, expect, test } from 'vitest';

import { freshBacklogMax, freshCallsPerTurn, laneBatchEventsMax } from './capacity.ts';
import { HeldEvent } from './held-event.ts';
import { createLanes, type Lanes } from './lanes.ts';

function event(isRedelivered: boolean): HeldEvent {
  const message = {
    subject: 'headgate.events.0.shop.order_completed',
    sequence: 1,
    deliveries: 1,
    storedAtMs: 0,
    payload: Buffer.from('{}'),
    header: () => '',
    ack: () => {},
    nak: () => {},
    term: () => {},
    working: () => {},
  };
  const held = new HeldEvent(message, 'EVENTS');
  held.isRedelivered = isRedelivered;
  return held;
}

function fill(lanes: Lanes, fresh: number, redelivered: number): void {
  for (let count = 0; count < fresh; count += 1) lanes.push(event(false));
  for (let count = 0; count < redelivered; count += 1) lanes.push(event(true));
}

/** Starts a call and returns its lane, and a function that ends it. */
function call(lanes: Lanes, eventsMax = 1): { lane: string; size: number; end: () => void } {
  const turn = lanes.turn()!;
  const size = turn.take(eventsMax).length;
  return { lane: turn.lane, size, end: lanes.started(turn) };
}

describe('the lanes of a worker', () => {
  test('fresh events have three of four calls while they wait', () => {
    const lanes = createLanes(1);
    fill(lanes, 20, 20);
    const order = Array.from({ length: 12 }, () => {
      const { lane, end } = call(lanes);
      end();
      return lane === 'fresh' ? 'f' : 'r';
    });
    expect(freshCallsPerTurn).toBe(3);
    expect(order.join('')).toBe('fffrfffrfffr');
  });

  test('redelivered events have every call while none is fresh, in batches with a limit', () => {
    const lanes = createLanes(1);
    fill(lanes, 0, laneBatchEventsMax + 1);
    const { lane, size, end } = call(lanes, 5_000);
    end();
    expect({ lane, size }).toEqual({ lane: 'redelivered', size: laneBatchEventsMax });
    expect(call(lanes, 5_000).size).toBe(1);
    expect(lanes.turn()).toBeUndefined();
  });

  test('redelivered events have a quarter of the calls that run at once', () => {
    const lanes = createLanes(8);
    fill(lanes, 0, 10);
    const first = call(lanes);
    call(lanes);
    expect(lanes.turn()).toBeUndefined();
    fill(lanes, 10, 0);
    for (let count = 0; count < 6; count += 1) expect(call(lanes).lane).toBe('fresh');
    first.end();
    expect(lanes.turn()!.lane).toBe('redelivered');
  });

  test('a destination that does not keep up with fresh events gets no others', () => {
    const lanes = createLanes(1);
    fill(lanes, freshBacklogMax + freshCallsPerTurn + 1, 1);
    for (let count = 0; count <= freshCallsPerTurn; count += 1) {
      expect(call(lanes).lane).toBe('fresh');
    }
    expect(lanes.length()).toBe(freshBacklogMax + 1);
    expect(call(lanes).lane).toBe('fresh');
    expect(call(lanes).lane).toBe('redelivered');
  });

  test('together they are one queue', () => {
    const lanes = createLanes(1);
    fill(lanes, 2, 3);
    const [first] = lanes.values();
    expect([lanes.length(), [...lanes.values()].length]).toEqual([5, 5]);
    expect(lanes.remove(first!)).toBe(true);
    expect(lanes.takeRedelivered().length).toBe(3);
    expect(lanes.takeAll().length).toBe(1);
    expect(lanes.length()).toBe(0);
  });
});
