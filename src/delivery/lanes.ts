import { freshBacklogMax, freshCallsPerTurn, laneBatchEventsMax } from './capacity.ts';
import type { HeldEvent } from './held-event.ts';
import { createEventQueue, type EventQueue } from './receive/event-queue.ts';

/** The next call of `deliver`. */
export interface LaneTurn {
  readonly lane: 'fresh' | 'redelivered';
  /** The first event of the call. */
  readonly next: HeldEvent;
  /** Takes the events of the call from their queue. */
  take(eventsMax: number): HeldEvent[];
}

/**
 * The waiting events of a worker: fresh ones, and redelivered ones, which a person wants again. As
 * an EventQueue it is both together.
 */
export interface Lanes extends Pick<EventQueue, 'push' | 'remove' | 'length' | 'values'> {
  /** Undefined if no call may start now. */
  turn(): LaneTurn | undefined;
  /** Notes that the call of a turn was started. The returned function notes that it has ended. */
  started(turn: LaneTurn): () => void;
  takeAll(): HeldEvent[];
  takeRedelivered(): HeldEvent[];
  /** `EventQueue.takeMatching` of the fresh events. */
  readonly takeMatching: EventQueue['takeMatching'];
}

/**
 * Decides which events the next call takes, so that fresh ones do not wait for redelivered ones:
 *
 * - Redelivered events have a quarter of the calls that may run at once, or one call.
 * - While fresh events wait, each call of redelivered ones follows three of fresh ones. Without that
 *   turn, a destination that takes one call at a time would never get any.
 * - While so many fresh events wait that the destination does not keep up, they have every call.
 *
 * @param concurrency how many calls of the destination may run at once.
 */
export function createLanes(concurrency: number): Lanes {
  const fresh = createEventQueue();
  const redelivered = createEventQueue();
  const callsMax = Math.max(1, Math.floor(concurrency / 4));
  let calls = 0;
  let freshCalls = 0;

  const queueOf = (held: HeldEvent): EventQueue => (held.isRedelivered ? redelivered : fresh);
  const isTurnOfRedelivered = (): boolean => {
    if (redelivered.length() === 0 || calls >= callsMax) return false;
    if (fresh.length() === 0) return true;
    return freshCalls >= freshCallsPerTurn && fresh.length() < freshBacklogMax;
  };

  return {
    push: (held) => queueOf(held).push(held),
    remove: (held) => queueOf(held).remove(held),
    length: () => fresh.length() + redelivered.length(),
    values: () => [...fresh.values(), ...redelivered.values()],
    takeAll: () => [...fresh.takeAll(), ...redelivered.takeAll()],
    takeRedelivered: () => redelivered.takeAll(),
    takeMatching: fresh.takeMatching,
    turn: () => {
      if (isTurnOfRedelivered()) {
        return {
          lane: 'redelivered',
          next: redelivered.peek()!,
          take: (eventsMax) => redelivered.take(Math.min(eventsMax, laneBatchEventsMax)),
        };
      }
      const next = fresh.peek();
      return next && { lane: 'fresh', next, take: fresh.take };
    },
    started: ({ lane }) => {
      if (lane === 'fresh') {
        freshCalls += 1;
        return () => {};
      }
      freshCalls = 0;
      calls += 1;
      return () => {
        calls -= 1;
      };
    },
  };
}
