import { batchBytesMax } from '../capacity.ts';
import type { HeldEvent } from '../held-event.ts';

/** Events that wait for a free slot, in the order of their arrival. */
export interface EventQueue {
  push(held: HeldEvent): void;
  peek(): HeldEvent | undefined;
  /**
   * The next batch: at most `eventsMax` events and `batchBytesMax` bytes of payload, or one event
   * that is larger, all with the same `batchEventsMax`. This keeps events whose batch has failed
   * apart from others.
   */
  take(eventsMax: number): HeldEvent[];
  takeAll(): HeldEvent[];
  /** The oldest events that match, from anywhere: at most so many, and `batchBytesMax` or one. */
  takeMatching(matches: (held: HeldEvent) => boolean, eventsMax: number): HeldEvent[];
  /** Removes an event; false if it is not in the queue. */
  remove(held: HeldEvent): boolean;
  readonly length: () => number;
  /** The waiting events, without removing them. */
  values(): Iterable<HeldEvent>;
}

export function createEventQueue(bytesMax = batchBytesMax): EventQueue {
  let events: HeldEvent[] = [];
  // Removing from the front of an array moves all other items; advancing an index does not.
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
      let bytes = first.payload.length;
      while (end < limit && events[end]!.batchEventsMax === first.batchEventsMax) {
        bytes += events[end]!.payload.length;
        if (bytes > bytesMax) break;
        end += 1;
      }
      return takeUpTo(end);
    },
    takeAll: () => takeUpTo(events.length),
    takeMatching: (matches, eventsMax) => {
      const waiting = events.slice(head);
      // What was tried has gone to the end of the queue.
      const oldest = waiting.filter(matches).sort(byAge);
      let bytes = 0;
      const taken = new Set<HeldEvent>();
      for (const held of oldest.slice(0, eventsMax)) {
        bytes += held.message.payload.length;
        if (taken.size > 0 && bytes > bytesMax) break;
        taken.add(held);
      }
      if (taken.size > 0) {
        events = waiting.filter((held) => !taken.has(held));
        head = 0;
      }
      return [...taken];
    },
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

/** By stored time: positions of two partitions, or of two streams, say nothing about time. */
function byAge({ message: left }: HeldEvent, { message: right }: HeldEvent): number {
  return left.storedAtMs - right.storedAtMs || left.sequence - right.sequence;
}
