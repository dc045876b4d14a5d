import { setImmediate as turn } from 'node:timers/promises';

import { expect, test } from 'vitest';

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
