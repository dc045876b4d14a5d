import { setImmediate as turn } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { createLogGrowth, firstWindowMs, windowMs } from './log-growth.ts';

function watched(newest: Record<string, number>) {
  let nowMs = 1_000;
  let looks = 0;
  let failing = false;
  const growth = createLogGrowth(
    () => {
      looks += 1;
      if (failing) return Promise.reject(new Error('away'));
      return Promise.resolve(new Map(Object.entries(newest)));
    },
    () => nowMs,
  );
  return {
    newest,
    looks: () => looks,
    fail: (is: boolean) => void (failing = is),
    /** Asks after some time, and waits for the look that this may make. */
    ask: async (afterMs: number): Promise<number | undefined> => {
      nowMs += afterMs;
      const answer = growth.perSecond();
      await turn();
      return answer;
    },
  };
}

test('the rate is that of all streams together, first after a short time, then each second', async () => {
  const { newest, ask, looks } = watched({ EVENTS_0: 1_000, EVENTS_1: 5_000 });
  expect(await ask(0)).toBeUndefined();
  newest['EVENTS_0'] = 1_500;
  newest['EVENTS_1'] = 5_500;
  expect(await ask(firstWindowMs - 1)).toBeUndefined();
  expect(looks()).toBe(1);
  expect(await ask(1)).toBeUndefined();
  expect(looks()).toBe(2);
  expect(await ask(windowMs - 1)).toBe(4_000);
  expect(looks()).toBe(2);
  await ask(1);
  expect(looks()).toBe(3);
  expect(await ask(0)).toBe(0);
});

test('a stream that was added or deleted in between does not count', async () => {
  const { newest, ask } = watched({ EVENTS_0: 1_000, EVENTS_1: 10 });
  await ask(0);
  newest['EVENTS_0'] = 1_100;
  newest['EVENTS_2'] = 9_000;
  delete newest['EVENTS_1'];
  await ask(1_000);
  expect(await ask(0)).toBe(100);
});

test('a look that fails leaves the rate as it was, and is made again', async () => {
  const { newest, ask, looks, fail } = watched({ EVENTS_0: 0 });
  await ask(0);
  newest['EVENTS_0'] = 1_000;
  await ask(1_000);
  fail(true);
  expect(await ask(windowMs)).toBe(1_000);
  fail(false);
  newest['EVENTS_0'] = 5_000;
  expect(await ask(windowMs)).toBe(1_000);
  expect(await ask(0)).toBe(2_000);
  expect(looks()).toBe(4);
});

test('after a pause without questions nothing is known', async () => {
  const { newest, ask } = watched({ EVENTS_0: 0 });
  await ask(0);
  newest['EVENTS_0'] = 1_000;
  await ask(1_000);
  expect(await ask(60_000)).toBeUndefined();
  newest['EVENTS_0'] = 2_000;
  await ask(firstWindowMs);
  expect(await ask(0)).toBe(4_000);
});
