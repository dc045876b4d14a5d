import type net from 'node:net';

import { expect, test } from 'vitest';

import { arrivalsOfTurnMax, createArrivals } from './arrivals.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function arrive(count: number) {
  const taken: number[] = [];
  const sockets = Array.from({ length: count }, (_, id) => ({ id, destroyed: false }));
  const take = createArrivals((socket) => {
    taken.push((socket as unknown as { id: number }).id);
  });
  for (const socket of sockets) take(socket as unknown as net.Socket);
  return { taken, sockets, take };
}

test('a turn of the event loop takes so many new connections; the rest comes later, in order', async () => {
  const { taken } = arrive(arrivalsOfTurnMax * 2 + 1);
  expect(taken).toHaveLength(arrivalsOfTurnMax);
  await turn();
  expect(taken).toHaveLength(arrivalsOfTurnMax * 2);
  await turn();
  expect(taken).toEqual(Array.from({ length: arrivalsOfTurnMax * 2 + 1 }, (_, id) => id));
});

test('one that has ended meanwhile is left out', async () => {
  const { taken, sockets } = arrive(arrivalsOfTurnMax + 2);
  sockets.at(-2)!.destroyed = true;
  await turn();
  expect(taken.slice(arrivalsOfTurnMax)).toEqual([arrivalsOfTurnMax + 1]);
});

test('a turn later there is room again', async () => {
  const { taken, take } = arrive(arrivalsOfTurnMax);
  await turn();
  take({ id: -1, destroyed: false } as unknown as net.Socket);
  expect(taken.at(-1)).toBe(-1);
});
