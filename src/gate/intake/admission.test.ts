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
