/**
 * How many events go into a request: less when the gate is slow or refuses the size, and slowly more
 * again. Halving and adding, as TCP finds its window.
 */
export interface BatchLimit {
  readonly events: number;
  grow(): void;
  halve(): void;
  /** A request of so many was too large. */
  below(count: number): void;
}

export function createBatchLimit(eventsMax: number): BatchLimit {
  let events = eventsMax;
  const step = Math.max(1, Math.floor(eventsMax / 20));
  return {
    get events() {
      return events;
    },
    grow: () => {
      events = Math.min(eventsMax, events + step);
    },
    halve: () => {
      events = Math.max(1, Math.floor(events / 2));
    },
    below: (count) => {
      events = Math.max(1, Math.min(events, Math.floor(count / 2)));
    },
  };
}
