import { expect, test } from 'vitest';

import type { SourceLimits } from '../../config/write-key.ts';
import { createAllowances } from './allowances.ts';

const limits: SourceLimits = { eventsPerSecond: 10, burst: 100, bytesPerDay: undefined };

test('of three gates, the first events of one that was idle count in the others', () => {
  const clocks = { monotonicMs: () => 5_000, unixMs: () => 20_000 * 86_400_000 };
  const [here, busy, idle] = [1, 2, 3].map(() => createAllowances(clocks));
  const ask = { events: 40, bytes: 100, isWhole: false };
  const allowance = here!.of('shop', limits);
  const hear = (): void => {
    here!.takenElsewhere(busy!.taken('busy'));
    here!.takenElsewhere(idle!.taken('idle'));
  };
  hear();
  busy!.of('shop', limits).take(ask);
  hear();
  // What the busy gate says makes this one forget gates whose last day is over.
  here!.takenElsewhere(busy!.taken('busy'));
  idle!.of('shop', limits).take(ask);
  hear();
  expect(allowance.eventsLeft()).toBe(20);
});
