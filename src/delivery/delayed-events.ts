import type { HeldEvent } from './held-event.ts';

/**
 * Events that wait in memory for their next try; a return to the log would count as a delivery.
 * They remain unsettled deliveries of the consumer, so their number is bounded.
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
