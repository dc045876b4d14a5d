import { expect, test } from 'vitest';

import { eventPosition } from '../../jetstream/events/event-position.ts';
import type { PulledMessage } from '../../jetstream/consume/pull.ts';
import { HeldEvent } from '../held-event.ts';
import { createEventQueue } from './event-queue.ts';

function heldEvent(sequence: number, bytes: number): HeldEvent {
  const message = { sequence, payload: new Uint8Array(bytes) } as PulledMessage;
  return new HeldEvent(message, 'EVENTS');
}

test('a batch ends before the event that would make it too large', () => {
  const queue = createEventQueue(100);
  for (const [index, bytes] of [40, 40, 20, 1, 150, 150, 10].entries()) {
    queue.push(heldEvent(index, bytes));
  }
  const batches: number[][] = [];
  while (queue.length() > 0) batches.push(queue.take(10).map(({ sequence }) => sequence));
  // An event that is larger than a batch goes alone.
  expect(batches).toEqual([[0, 1, 2], [3], [4], [5], [6]]);
});

test('a retry takes the oldest first, in whatever partition they are', () => {
  const queue = createEventQueue(100);
  const stored = [30, 10, 20];
  for (const [partition, storedAtMs] of stored.entries()) {
    const sequence = eventPosition(partition, 1);
    const message = { sequence, storedAtMs, payload: new Uint8Array(1) } as PulledMessage;
    queue.push(new HeldEvent(message, 'EVENTS'));
  }
  const taken = queue.takeMatching(() => true, 2).map(({ message }) => message.storedAtMs);
  expect(taken).toEqual([10, 20]);
  expect(queue.length()).toBe(1);
});
