import { ServiceError } from '../../errors.ts';

/** Bounds the events between publish and acknowledgement, over all requests. */
export interface Admission {
  /**
   * Undefined if there is room. Otherwise a promise to wait for, which may reject with
   * `overloaded`.
   */
  enter(events: number, source?: string): Promise<void> | undefined;
  /** Of the same source. */
  leave(events: number, source?: string): void;
}

export interface AdmissionOptions {
  readonly inFlightEventsMax: number;
  /** How long a request waits for room before it is answered with `overloaded`. */
  readonly waitMs: number;
}

interface Waiter {
  readonly events: number;
  readonly deadline: number;
  /** Its place among the waiters of all sources. */
  readonly number: number;
  readonly admit: () => void;
  readonly refuse: (error: Error) => void;
}

/** What one source has in flight, and its requests that wait, in order. */
interface Share {
  inFlight: number;
  waitingEvents: number;
  queue: Waiter[];
}

const sweepIntervalMs = 100;

/**
 * Shares the places in flight between sources. While all fit, there are no shares: a source may use
 * everything. While requests of several sources wait, the next place goes to the source that has
 * least in flight, so that each gets an equal part; within a source, first come, first served.
 *
 * A request waits briefly for room. As many events may wait as may be in flight. When that room is
 * full, a request of the source that has most waiting is refused: the newcomer's, or the last one of
 * another source. So memory stays bounded under any load.
 */
export function createAdmission(options: AdmissionOptions): Admission & { close(): void } {
  const { inFlightEventsMax, waitMs } = options;
  const overloaded = (): ServiceError =>
    new ServiceError(
      'overloaded',
      `More than ${inFlightEventsMax} events are in flight (limits.in_flight_events_max). ` +
        'Wait as Retry-After says and send again with the same idempotency keys.',
      { retryAfterMs: 1000 },
    );
  const waiting = new WaitingRoom(inFlightEventsMax, (waiter) => waiter.refuse(overloaded()));
  let inFlight = 0;
  // One for each source that was ever seen: entries that come and go would cost more (hot-path.md).
  const shares = new Map<string, Share>();

  const shareOf = (source: string): Share => {
    let share = shares.get(source);
    if (share === undefined) {
      share = { inFlight: 0, waitingEvents: 0, queue: [] };
      shares.set(source, share);
    }
    return share;
  };
  // A request larger than the whole limit is admitted alone.
  const fits = (events: number): boolean =>
    inFlight === 0 || inFlight + events <= inFlightEventsMax;
  const take = (share: Share, events: number): void => {
    inFlight += events;
    share.inFlight += events;
  };
  const admitWaiting = (): void => {
    let share = waiting.next();
    while (share !== undefined && fits(share.queue[0]!.events)) {
      const waiter = waiting.takeFirst(share);
      take(share, waiter.events);
      waiter.admit();
      share = waiting.next();
    }
  };
  const sweep = setInterval(() => waiting.refuseLate(performance.now()), sweepIntervalMs);
  sweep.unref();

  return {
    enter: (events, source = '') => {
      const share = shareOf(source);
      if (waiting.isEmpty && fits(events)) {
        take(share, events);
        return undefined;
      }
      if (!waiting.makeRoom(share, events)) return Promise.reject(overloaded());
      const deadline = performance.now() + waitMs;
      return new Promise((admit, refuse) =>
        waiting.add(share, { events, deadline, admit, refuse }),
      );
    },
    leave: (events, source = '') => {
      inFlight -= events;
      shareOf(source).inFlight -= events;
      if (!waiting.isEmpty) admitWaiting();
    },
    close: () => clearInterval(sweep),
  };
}

/** The requests that wait, of each source in order. `refuse` answers one that may wait no longer. */
class WaitingRoom {
  private readonly eventsMax: number;
  private readonly refuse: (waiter: Waiter) => void;
  private readonly shares = new Set<Share>();
  private events = 0;
  private nextNumber = 0;

  constructor(eventsMax: number, refuse: (waiter: Waiter) => void) {
    this.eventsMax = eventsMax;
    this.refuse = refuse;
  }

  get isEmpty(): boolean {
    return this.shares.size === 0;
  }

  add(share: Share, request: Omit<Waiter, 'number'>): void {
    this.nextNumber += 1;
    share.queue.push({ ...request, number: this.nextNumber });
    share.waitingEvents += request.events;
    this.events += request.events;
    this.shares.add(share);
  }

  /** Of the sources that wait, the one with least in flight; of equals the one that came first. */
  next(): Share | undefined {
    let next: Share | undefined;
    for (const share of this.shares) {
      const before = next === undefined ? -1 : share.inFlight - next.inFlight;
      const isFirst = before === 0 && share.queue[0]!.number < next!.queue[0]!.number;
      if (before < 0 || isFirst) next = share;
    }
    return next;
  }

  takeFirst(share: Share): Waiter {
    const waiter = share.queue.shift()!;
    this.left(share, waiter);
    return waiter;
  }

  /** Returns whether this many events of a source may wait. Refuses requests of others for them. */
  makeRoom(own: Share, events: number): boolean {
    while (this.events + events > this.eventsMax) {
      let most = own;
      for (const share of this.shares) if (share.waitingEvents > most.waitingEvents) most = share;
      if (most.waitingEvents <= own.waitingEvents + events) return false;
      const last = most.queue.pop()!;
      this.left(most, last);
      this.refuse(last);
    }
    return true;
  }

  refuseLate(now: number): void {
    for (const share of this.shares) {
      const late = share.queue.filter((waiter) => waiter.deadline <= now);
      if (late.length === 0) continue;
      share.queue = share.queue.filter((waiter) => waiter.deadline > now);
      for (const waiter of late) {
        this.left(share, waiter);
        this.refuse(waiter);
      }
    }
  }

  private left(share: Share, { events }: Waiter): void {
    this.events -= events;
    share.waitingEvents -= events;
    if (share.queue.length === 0) this.shares.delete(share);
  }
}
