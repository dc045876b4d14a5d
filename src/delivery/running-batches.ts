import { setTimeout as sleep } from 'node:timers/promises';

import type { CutShort } from './deliver-batch.ts';
import type { HeldEvent } from './held-event.ts';

/** Running calls of `deliver`, each until all of its events are settled. */
export interface RunningBatches {
  /** `work` must not reject, and must end the call when the signal is aborted. */
  start(events: readonly HeldEvent[], work: (abort: AbortController) => Promise<void>): void;
  readonly count: () => number;
  events(): Iterable<HeldEvent>;
  /** Ends calls that have run longer than `ticksMax` ticks. */
  cutShort(ticksMax: number, tick: number): void;
  /**
   * Waits up to the grace period for all calls, then ends them. Resolves to the events that may be
   * unsettled.
   */
  drain(graceMs: number): Promise<HeldEvent[]>;
}

interface Batch {
  readonly events: readonly HeldEvent[];
  readonly abort: AbortController;
  readonly startedTick: number;
  readonly done: Promise<void>;
}

/** How long an ended call may take to release its events. */
const endMs = 250;

export function createRunningBatches(tick: () => number, onFree: () => void): RunningBatches {
  // Not a Map: what V8 keeps of deleted entries retains later batches (http/http2/stream-table.ts).
  const running: Batch[] = [];
  const all = (): Promise<unknown> => Promise.all(running.map(({ done }) => done));
  const end = (batch: Batch, why: CutShort): void => batch.abort.abort(why);
  return {
    start: (events, work) => {
      const abort = new AbortController();
      const done = work(abort).then(() => {
        running.splice(running.indexOf(batch), 1);
        onFree();
      });
      const batch: Batch = { events, abort, startedTick: tick(), done };
      running.push(batch);
    },
    count: () => running.length,
    events: () => running.flatMap((batch) => batch.events),
    cutShort: (ticksMax, now) => {
      for (const batch of running) {
        if (now - batch.startedTick > ticksMax) end(batch, 'timeout');
      }
    },
    drain: async (graceMs) => {
      const timer = new AbortController();
      const within = (ms: number): Promise<unknown> =>
        Promise.race([all(), sleep(ms, undefined, { signal: timer.signal }).catch(() => {})]);
      try {
        await within(graceMs);
        for (const batch of running) end(batch, 'stopping');
        if (running.length > 0) await within(endMs);
      } finally {
        timer.abort();
      }
      return running.flatMap((batch) => batch.events);
    },
  };
}
