import type { DelayedMessage } from '../../jetstream/consume/delayed-copies.ts';

/** What is read of a delayed copy. */
export type DueCopy = Pick<DelayedMessage, 'dueMs' | 'delayMs' | 'copySequence' | 'copyDeliveries'>;

/** When the delayed copies of a destination are due, by the monotonic clock of this process. */
export interface DueTimes {
  /** How long a copy that the log has delivered must still wait, in ms; 0 or less means not at all. */
  waitMs(copy: DueCopy): number;
}

/**
 * The wall clock is asked once for each copy, when this process first sees it: copies survive the
 * process, and another one may have stored them. From then on the monotonic clock decides. So a step
 * of the wall clock makes no copy wait longer than its own delay, nor come early.
 *
 * A copy that lies further ahead than its own delay shows that the clock has stepped back since it
 * was stored. If the log has delivered it before, another worker has let it wait already.
 *
 * Copies that another worker takes are never asked for again here, so the oldest go at `copiesMax`.
 */
export function createDueTimes(copiesMax: number): DueTimes {
  const dueAt = new Map<number, number>();
  return {
    waitMs: ({ dueMs, delayMs, copySequence, copyDeliveries }) => {
      const nowMs = performance.now();
      const known = dueAt.get(copySequence);
      if (known !== undefined) {
        if (known <= nowMs) dueAt.delete(copySequence);
        return known - nowMs;
      }
      const aheadMs = dueMs - Date.now();
      const stepped = aheadMs > delayMs;
      if (stepped && copyDeliveries > 1) return 0;
      const waitMs = stepped ? delayMs : aheadMs;
      if (waitMs <= 0) return waitMs;
      dueAt.set(copySequence, nowMs + waitMs);
      if (dueAt.size > copiesMax) dueAt.delete(dueAt.keys().next().value!);
      return waitMs;
    },
  };
}
