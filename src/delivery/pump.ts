import type { Destination } from '../destinations/destination.ts';
import type { Pause } from '../jetstream/consume/pause/pause-entry.ts';
import type { Signals } from '../observability/signals.ts';
import type { AsideMoves } from './aside/moves.ts';
import type { FailedAttempt } from './attempt-record.ts';
import type { Calls } from './call.ts';
import type { Lanes } from './lanes.ts';
import type { Parking } from './parking.ts';
import type { RunningBatches } from './running-batches.ts';

export interface PumpParts {
  readonly destination: Destination;
  readonly signals: Signals;
  readonly queue: Lanes;
  readonly parking: Parking<FailedAttempt>;
  readonly running: RunningBatches;
  readonly calls: Calls;
  readonly aside: Pick<AsideMoves, 'sweep'>;
  readonly stopping: () => boolean;
  /** Whether this process takes events just now. */
  readonly isTaking: () => boolean;
  /** Undefined unless an operator has paused the destination: then no call starts, and no probe. */
  readonly pause?: (() => Pause | undefined) | undefined;
}

/** When nothing has arrived for so long, a call waits no longer for more: the worker may hold all that it can. */
const arrivalPauseMs = 15;

/** Returns a function that starts every call that may start now, and schedules the next probe. */
export function createPump(parts: PumpParts): () => void {
  const { destination, queue, parking, running, calls, stopping } = parts;
  let timer: NodeJS.Timeout | undefined;
  let exclusive = false;
  const { fullCallWaitMs = 0 } = destination;
  /** The events that wait for a fuller call, if any do. */
  let wait: { sinceMs: number; events: number; dueMs: number } | undefined;

  /** Whether a call of fewer events would be a waste: another one is running, and more arrive. */
  const waitsForMore = (eventsMax: number, nowMs: number): boolean => {
    const events = queue.length();
    if (fullCallWaitMs === 0 || running.count() === 0 || events >= eventsMax) return false;
    wait ??= { sinceMs: nowMs, events: 0, dueMs: 0 };
    if (events > wait.events) {
      wait.events = events;
      wait.dueMs = Math.min(wait.sinceMs + fullCallWaitMs, nowMs + arrivalPauseMs);
    }
    return nowMs < wait.dueMs;
  };

  const startNext = (nowMs: number): boolean => {
    const turn = queue.turn();
    if (turn === undefined || exclusive || running.count() >= destination.concurrency) return false;
    const { next } = turn;
    if (next.exclusive && running.count() > 0) return false;
    const what = parking.mayStart(nowMs);
    if (what === 'nothing') return false;
    const probe = what === 'probe';
    const { batchEventsMax, besideIntakeEventsMax = batchEventsMax } = destination;
    const eventsMax = parts.isTaking() ? besideIntakeEventsMax : batchEventsMax;
    if (!probe && waitsForMore(Math.min(eventsMax, next.batchEventsMax), nowMs)) return false;
    wait = undefined;
    if (probe) parking.probeStarted();
    const events = turn.take(probe ? 1 : eventsMax);
    const ended = queue.started(turn);
    exclusive = next.exclusive;
    running.start(events, (abort) =>
      calls.run(events, abort, probe).finally(() => {
        if (next.exclusive) exclusive = false;
        ended();
      }),
    );
    return true;
  };

  const pump = (): void => {
    clearTimeout(timer);
    if (stopping()) return;
    // Before the calls start: a probe needs one event, and the others may leave.
    parts.aside.sweep();
    if (parts.pause?.() !== undefined) return;
    const nowMs = performance.now();
    if (queue.length() === 0 && running.count() === 0) {
      calls.apply(parking.decideIdle(nowMs)).catch((error: unknown) => {
        parts.signals.trouble('parking', error);
      });
    }
    while (startNext(nowMs));
    // A due probe that could not start lacks a free slot; the next freed slot calls this again.
    const dueMs = parking.dueMs ?? wait?.dueMs ?? 0;
    if (dueMs > nowMs) timer = setTimeout(pump, dueMs - nowMs);
  };
  return pump;
}
