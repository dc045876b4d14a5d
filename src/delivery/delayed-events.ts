import type { HeldEvent } from './held-event.ts';

/**
 * Events that come back after a while without going to the log and back, which would count as a
 * hand-out. They keep their places among those that the log hands out, so there are never many.
 */
export interface DelayedEvents {
  add(held: HeldEvent, delayMs: number): void;
  values(): Iterable<HeldEvent>;
  takeAll(): HeldEvent[];
}

export function createDelayedEvents(onDue: (held: HeldEvent) => void): DelayedEvents {
  const timers = new Map<HeldEvent, NodeJS.Timeout>();
  return {
    add: (held, delayMs) => {
      const timer = setTimeout(() => {
        timers.delete(held);
        onDue(held);
      }, delayMs);
      timers.set(held, timer);
    },
    values: () => timers.keys(),
    takeAll: () => {
      const taken = [...timers.keys()];
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
      return taken;
    },
  };
}
