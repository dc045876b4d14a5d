import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { createBatchQueue } from './batch-queue.ts';

const limits = { eventsMax: 3, bytesMax: 100, inFlightMax: 2, lingerMs: 10_000 };

describe('createBatchQueue', () => {
  it('sends each event once, in order, in full batches', async () => {
    const sent: number[][] = [];
    const queue = createBatchQueue<number>({
      ...limits,
      send: async (events) => void sent.push([...events]),
    });
    for (let event = 0; event < 8; event += 1) await queue.add(event, 1);
    await queue.finish();
    expect(sent).toEqual([
      [0, 1, 2],
      [3, 4, 5],
      [6, 7],
    ]);
  });

  it('keeps a batch below its byte limit; a single event may be larger', async () => {
    const sent: number[][] = [];
    const queue = createBatchQueue<number>({
      ...limits,
      send: async (events) => void sent.push([...events]),
    });
    for (const bytes of [60, 50, 500, 10]) await queue.add(bytes, bytes);
    await queue.finish();
    expect(sent).toEqual([[60], [50], [500], [10]]);
  });

  it('applies backpressure: batches in flight, one full, one partial', async () => {
    const open: (() => void)[] = [];
    let most = 0;
    const queue = createBatchQueue<number>({
      ...limits,
      send: () =>
        new Promise((resolve) => {
          open.push(resolve);
          most = Math.max(most, open.length);
        }),
    });
    let added = 0;
    const adding = (async () => {
      for (; added < 30; added += 1) await queue.add(added, 1);
    })();
    await sleep(20);
    expect(added).toBe(8);
    const releasing = setInterval(() => open.shift()?.(), 1);
    await adding;
    await queue.finish();
    clearInterval(releasing);
    expect(most).toBe(2);
  });

  it('sends a partial batch after the linger time', async () => {
    const sent: number[] = [];
    const queue = createBatchQueue<number>({
      ...limits,
      lingerMs: 5,
      send: async (events) => void sent.push(...events),
    });
    await queue.add(1, 1);
    await expect.poll(() => sent).toEqual([1]);
    await queue.finish();
  });

  it('throws the error of a send, after all batches are done', async () => {
    let ended = 0;
    const queue = createBatchQueue<number>({
      ...limits,
      eventsMax: 1,
      send: async (events) => {
        await sleep(events[0]! * 10);
        ended += 1;
        if (events[0] === 0) throw new Error('disk full');
      },
    });
    await queue.add(0, 1);
    await queue.add(2, 1);
    await expect(queue.finish()).rejects.toThrow('disk full');
    expect(ended).toBe(2);
    expect(() => queue.add(3, 1)).toThrow('disk full');
  });
});
