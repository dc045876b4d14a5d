import type { Breaker } from './breaker.ts';

const probeEvents = 10;

/**
 * How many events go into a request: fewer when the gate is slow or refuses the size, then slowly
 * more again. Halves and adds, like TCP's congestion window.
 */
export interface BatchLimit {
  readonly events: number;
  /** Few in a probe, because a large request may be what brought the gate down. */
  eventsIn(state: Breaker['state']): number;
  grow(): void;
  halve(): void;
  /** A request with `count` events was too large. */
  below(count: number): void;
}

export function createBatchLimit(eventsMax: number): BatchLimit {
  let events = eventsMax;
  const step = Math.max(1, Math.floor(eventsMax / 20));
  return {
    get events() {
      return events;
    },
    eventsIn: (state) => (state === 'open' ? Math.min(probeEvents, events) : events),
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
