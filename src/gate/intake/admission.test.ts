import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, describe, expect, test } from 'vitest';

import { createAdmission } from './admission.ts';

describe('admission', () => {
  let admission: ReturnType<typeof createAdmission>;
  const open = (inFlightEventsMax: number, waitMs = 5_000): typeof admission =>
    (admission = createAdmission({ inFlightEventsMax, waitMs }));

  afterEach(() => admission.close());

  /** Enters and notes when that was let through, or why not. */
  function enter(events: number, name: string, order: string[]): Promise<void> {
    return Promise.resolve(admission.enter(events)).then(
      () => void order.push(name),
      (error: { code: string }) => void order.push(`${name} ${error.code}`),
    );
  }

  test('lets the limit through at once and has one more wait', async () => {
    open(10);
    expect(admission.enter(9)).toBeUndefined();
    expect(admission.enter(1)).toBeUndefined();
    const order: string[] = [];
    const waiting = enter(1, 'eleventh', order);
    await sleep(5);
    expect(order).toEqual([]);
    admission.leave(1);
    await waiting;
    expect(order).toEqual(['eleventh']);
  });

  test('admits requests in order, even if a later one would fit', async () => {
    open(10);
    admission.enter(8);
    const order: string[] = [];
    const all = [enter(5, 'large', order), enter(1, 'small', order), enter(2, 'middle', order)];
    await sleep(5);
    expect(order).toEqual([]);
    admission.leave(4);
    await all[0];
    expect(order).toEqual(['large', 'small']);
    admission.leave(5);
    await Promise.all(all);
    expect(order).toEqual(['large', 'small', 'middle']);
  });

  test('has as many wait as may be in flight and refuses the next at once', async () => {
    open(10);
    admission.enter(10);
    const order: string[] = [];
    const waiting = enter(10, 'first', order);
    await enter(1, 'second', order);
    expect(order).toEqual(['second overloaded']);
    admission.leave(10);
    await waiting;
    expect(order).toEqual(['second overloaded', 'first']);
  });

  test('refuses after the wait, and the room is not lost', async () => {
    open(10, 50);
    admission.enter(10);
    const order: string[] = [];
    await enter(10, 'late', order);
    expect(order).toEqual(['late overloaded']);
    admission.leave(10);
    expect(admission.enter(10)).toBeUndefined();
  });

  test('lets one larger than the limit in alone', async () => {
    open(10);
    expect(admission.enter(50)).toBeUndefined();
    const order: string[] = [];
    const waiting = enter(1, 'next', order);
    await sleep(5);
    expect(order).toEqual([]);
    admission.leave(50);
    await waiting;
    expect(order).toEqual(['next']);
  });

  test('gives the next place to the source that has least in flight', async () => {
    open(10);
    admission.enter(10, 'loud');
    const order: string[] = [];
    const note = (source: string, name: string) =>
      admission.enter(2, source)!.then(() => order.push(name));
    const all = [
      note('loud', 'loud 1'),
      note('loud', 'loud 2'),
      note('quiet', 'quiet 1'),
      note('quiet', 'quiet 2'),
    ];
    // Everything was the loud one's: until both have as much, the other is first.
    for (let left = 0; left < 4; left += 1) {
      admission.leave(2, 'loud');
      await sleep(1);
    }
    await Promise.all(all);
    expect(order).toEqual(['quiet 1', 'quiet 2', 'loud 1', 'loud 2']);
  });

  test('a source alone may use everything, also beside one that is idle', () => {
    open(10);
    admission.enter(1, 'quiet');
    admission.leave(1, 'quiet');
    expect(admission.enter(10, 'loud')).toBeUndefined();
  });

  test('a full waiting room makes room for a source that has less waiting', async () => {
    open(10);
    admission.enter(10, 'loud');
    const order: string[] = [];
    const waits = (source: string, events: number, name: string) =>
      Promise.resolve(admission.enter(events, source)).then(
        () => void order.push(name),
        (error: { code: string }) => void order.push(`${name} ${error.code}`),
      );
    const all = [waits('loud', 5, 'loud 1'), waits('loud', 5, 'loud 2')];
    all.push(waits('quiet', 4, 'quiet'), waits('loud', 2, 'loud 3'));
    await sleep(1);
    // The last of the loud one left for the quiet one, and its next one finds no room.
    expect(order.toSorted()).toEqual(['loud 2 overloaded', 'loud 3 overloaded']);
    admission.leave(10, 'loud');
    await Promise.all(all);
    // Nothing is in flight now: the one that came first.
    expect(order.slice(2)).toEqual(['loud 1', 'quiet']);
  });

  test('comes back to empty after any order of coming and going', async () => {
    open(20, 20);
    await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const events = (index % 7) + 1;
        try {
          await admission.enter(events);
        } catch {
          return;
        }
        await sleep(index % 5);
        admission.leave(events);
      }),
    );
    expect(admission.enter(20)).toBeUndefined();
    admission.leave(20);
  });
});
