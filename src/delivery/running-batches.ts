import { setTimeout as sleep } from 'node:timers/promises';

import type { CutShort } from './deliver-batch.ts';
import type { HeldEvent } from './held-event.ts';

/** Calls of `deliver` that are under way, and what follows them until every event is settled. */
export interface RunningBatches {
  /** `work` must not reject, and ends the call when the signal is aborted. */
  start(events: readonly HeldEvent[], work: (abort: AbortController) => Promise<void>): void;
  readonly count: () => number;
  events(): Iterable<HeldEvent>;
  /** Ends calls that have lasted longer than so many ticks. */
  cutShort(ticksMax: number, tick: number): void;
  /**
   * Waits for all up to the grace, then ends them. Resolves to the events that may be unsettled.
   */
  drain(graceMs: number): Promise<HeldEvent[]>;
}

interface Batch {
  readonly events: readonly HeldEvent[];
  readonly abort: AbortController;
  readonly startedTick: number;
}

/** How long an ended call may take to hand its events back. */
const endMs = 250;

export function createRunningBatches(tick: () => number, onFree: () => void): RunningBatches {
  const running = new Map<Batch, Promise<void>>();
  const all = (): Promise<unknown> => Promise.all(running.values());
  const end = (batch: Batch, why: CutShort): void => batch.abort.abort(why);
  return {
    start: (events, work) => {
      const batch: Batch = { events, abort: new AbortController(), startedTick: tick() };
      const done = work(batch.abort).then(() => {
        running.delete(batch);
        onFree();
      });
      running.set(batch, done);
    },
    count: () => running.size,
    events: () => [...running.keys()].flatMap((batch) => batch.events),
    cutShort: (ticksMax, now) => {
      for (const batch of running.keys()) {
        if (now - batch.startedTick > ticksMax) end(batch, 'timeout');
      }
    },
    drain: async (graceMs) => {
      const timer = new AbortController();
      const within = (ms: number): Promise<unknown> =>
        Promise.race([all(), sleep(ms, undefined, { signal: timer.signal }).catch(() => {})]);
      try {
        await within(graceMs);
        for (const batch of running.keys()) end(batch, 'stopping');
        if (running.size > 0) await within(endMs);
      } finally {
        timer.abort();
      }
      return [...running.keys()].flatMap((batch) => batch.events);
    },
  };
}
