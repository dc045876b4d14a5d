import { partitionOf } from '../../jetstream/events/event-position.ts';
import type { HeldEvent } from '../held-event.ts';
import type { Lanes } from '../lanes.ts';
import type { Settler } from '../settle.ts';

/** Moves the events of a worker aside, out of EVENTS, when the log runs short of room. */
export interface AsideMoves {
  /**
   * Moves waiting events up to this position in EVENTS for the next seconds. `evenIfRunning`: also
   * while the destination takes events. Returns how it goes.
   */
  request(upTo: number, evenIfRunning: boolean): AsideProgress;
  /** Moves what may be moved. Call it when events were queued. */
  sweep(): void;
  /** The events whose copies are being stored. */
  values(): Iterable<HeldEvent>;
  /** Waits for the copies that are being stored; no other follows. */
  stop(): Promise<void>;
}

/** `full`: ASIDE had no room for the last event. */
export type AsideProgress = 'moving' | 'full';

export interface AsideMovesParts {
  readonly queue: Pick<Lanes, 'push' | 'takeMatching'>;
  readonly settler: Settler;
  readonly isParked: () => boolean;
  /** Called when events that could not be moved are in the queue again. */
  readonly onReturned: () => void;
}

/** How long a request holds: it is repeated while the log is short of room. */
const requestMs = 5_000;
/** As many as share a sync of the disk well. */
const batchEvents = 512;

/**
 * A request holds for a while, because events below its position are still to be pulled. Only events
 * that came from EVENTS and wait in the queue are moved, never one that is being delivered. The
 * worker keeps the events of a batch until their copies are stored.
 */
export function createAsideMoves(parts: AsideMovesParts): AsideMoves {
  const { queue, settler, isParked } = parts;
  const requests = new Map<number, { upTo: number; evenIfRunning: boolean; untilMs: number }>();
  let moving: HeldEvent[] = [];
  let running: Promise<void> | undefined;
  let isFull = false;
  let isStopped = false;

  const isMovable = (held: HeldEvent): boolean => {
    if (held.isCopy || held.stream !== 'EVENTS' || held.settled) return false;
    const request = requests.get(partitionOf(held.sequence));
    if (request === undefined || held.sequence > request.upTo) return false;
    return request.untilMs > performance.now() && (request.evenIfRunning || isParked());
  };

  /** Resolves to false if there is no more to move now. */
  const moveBatch = async (): Promise<boolean> => {
    moving = queue.takeMatching(isMovable, batchEvents);
    const batch = moving;
    if (batch.length === 0) return false;
    const ends = await Promise.all(batch.map((held) => settler.moveAside(held)));
    moving = [];
    const kept = batch.filter((_held, at) => ends[at] !== 'moved');
    isFull = ends.includes('full');
    if (kept.length === 0) return true;
    // The next request tries again.
    requests.clear();
    for (const held of kept) queue.push(held);
    parts.onReturned();
    return false;
  };
  const moveAll = async (): Promise<void> => {
    while (!isStopped && (await moveBatch()));
  };
  const sweep = (): void => {
    if (requests.size === 0 || isStopped) return;
    running ??= moveAll().finally(() => {
      running = undefined;
    });
  };

  return {
    request: (upTo, evenIfRunning) => {
      const untilMs = performance.now() + requestMs;
      requests.set(partitionOf(upTo), { upTo, evenIfRunning, untilMs });
      sweep();
      return isFull ? 'full' : 'moving';
    },
    sweep,
    values: () => moving,
    stop: async () => {
      isStopped = true;
      await running;
    },
  };
}
