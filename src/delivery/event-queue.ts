import type { HeldEvent } from './held-event.ts';

/** Events that wait for a free slot, in the order of their arrival. */
export interface EventQueue {
  push(held: HeldEvent): void;
  /** The next batch: at most so many, and fewer where an event must go alone. */
  take(eventsMax: number): HeldEvent[];
  takeAll(): HeldEvent[];
  readonly length: () => number;
  /** Those that wait, for a look. */
  values(): Iterable<HeldEvent>;
}

/**
 * An event on its last attempt goes alone: what fails or throws for the whole batch because of one
 * event must not make dead letters of its neighbours.
 */
export function createEventQueue(attemptsMax: number): EventQueue {
  let events: HeldEvent[] = [];
  // Taking from the front of an array moves all the others; a mark does not.
  let head = 0;

  const goesAlone = (held: HeldEvent): boolean => held.attempt > 1 && held.attempt >= attemptsMax;

  const takeUpTo = (end: number): HeldEvent[] => {
    const taken = events.slice(head, end);
    head = end;
    if (head === events.length) {
      events = [];
      head = 0;
    } else if (head >= 1_024) {
      events = events.slice(head);
      head = 0;
    }
    return taken;
  };

  return {
    push: (held) => void events.push(held),
    take: (eventsMax) => {
      const limit = Math.min(events.length, head + eventsMax);
      let end = head;
      while (end < limit && !goesAlone(events[end]!)) end += 1;
      return takeUpTo(end === head ? Math.min(head + 1, limit) : end);
    },
    takeAll: () => takeUpTo(events.length),
    length: () => events.length - head,
    values: () => events.slice(head),
  };
}
