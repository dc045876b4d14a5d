/** The newest events of a stream, in a bounded room. */
export interface EventRing<Event> {
  /** Adds an event. The oldest one gives way when the ring is full. */
  push(event: Event): void;
  /** The newest first. */
  newest(): Event[];
  /** How many were added, and how many of these gave way. */
  readonly added: number;
  readonly dropped: number;
}

export function createEventRing<Event>(eventsMax: number): EventRing<Event> {
  const events: Event[] = [];
  let added = 0;
  return {
    push: (event) => {
      events[added % eventsMax] = event;
      added += 1;
    },
    newest: () => {
      const next = added % eventsMax;
      return [...events.slice(next), ...events.slice(0, next)].toReversed();
    },
    get added() {
      return added;
    },
    get dropped() {
      return Math.max(0, added - eventsMax);
    },
  };
}
