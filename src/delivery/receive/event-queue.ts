import type { HeldEvent } from '../held-event.ts';

/** Events that wait for a free slot, in the order of their arrival. */
export interface EventQueue {
  push(held: HeldEvent): void;
  peek(): HeldEvent | undefined;
  /**
   * The next batch: at most so many, and only such as may be in batches of the same size. An event
   * that has failed with others so is never mixed with those that have not.
   */
  take(eventsMax: number): HeldEvent[];
  takeAll(): HeldEvent[];
  /** Takes one out; false where it is not here. */
  remove(held: HeldEvent): boolean;
  readonly length: () => number;
  /** Those that wait, for a look. */
  values(): Iterable<HeldEvent>;
}

export function createEventQueue(): EventQueue {
  let events: HeldEvent[] = [];
  // Taking from the front of an array moves all the others; a mark does not.
  let head = 0;

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
    peek: () => events[head],
    take: (eventsMax) => {
      const first = events[head];
      if (first === undefined) return [];
      const limit = Math.min(events.length, head + Math.min(eventsMax, first.batchEventsMax));
      let end = head + 1;
      while (end < limit && events[end]!.batchEventsMax === first.batchEventsMax) end += 1;
      return takeUpTo(end);
    },
    takeAll: () => takeUpTo(events.length),
    remove: (held) => {
      const at = events.indexOf(held, head);
      if (at === -1) return false;
      events.splice(at, 1);
      return true;
    },
    length: () => events.length - head,
    values: () => events.slice(head),
  };
}
