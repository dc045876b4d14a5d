import { ServiceError } from '../../errors.ts';

/** Bounds the events between publish and acknowledgement, over all requests. */
export interface Admission {
  /**
   * Undefined if there is room. Otherwise a promise to wait for, which may reject with
   * `overloaded`.
   */
  enter(events: number): Promise<void> | undefined;
  leave(events: number): void;
}

export interface AdmissionOptions {
  readonly inFlightEventsMax: number;
  /** How long a request waits for room before it is answered with `overloaded`. */
  readonly waitMs: number;
}

interface Waiter {
  readonly events: number;
  readonly deadline: number;
  readonly admit: () => void;
  readonly refuse: (error: Error) => void;
}

const sweepIntervalMs = 100;

/**
 * First come, first served. A request waits briefly for room. As many events may wait as may be in
 * flight, and later requests are refused at once, so memory stays bounded under any load.
 */
export function createAdmission(options: AdmissionOptions): Admission & { close(): void } {
  const { inFlightEventsMax, waitMs } = options;
  let inFlight = 0;
  let waitingEvents = 0;
  let waiters: Waiter[] = [];

  const overloaded = (): ServiceError =>
    new ServiceError(
      'overloaded',
      `More than ${inFlightEventsMax} events are in flight (limits.in_flight_events_max). ` +
        'Wait as Retry-After says and send again with the same idempotency keys.',
      { retryAfterMs: 1000 },
    );

  // A request larger than the whole limit is admitted alone.
  const fits = (events: number): boolean =>
    inFlight === 0 || inFlight + events <= inFlightEventsMax;

  const admitWaiting = (): void => {
    let next = waiters[0];
    while (next !== undefined && fits(next.events)) {
      waiters.shift();
      waitingEvents -= next.events;
      inFlight += next.events;
      next.admit();
      next = waiters[0];
    }
  };

  const sweep = setInterval(() => {
    const now = performance.now();
    const late = waiters.filter((waiter) => waiter.deadline <= now);
    if (late.length === 0) return;
    waiters = waiters.filter((waiter) => waiter.deadline > now);
    for (const waiter of late) {
      waitingEvents -= waiter.events;
      waiter.refuse(overloaded());
    }
  }, sweepIntervalMs);
  sweep.unref();

  return {
    enter: (events) => {
      if (waiters.length === 0 && fits(events)) {
        inFlight += events;
        return undefined;
      }
      if (waitingEvents + events > inFlightEventsMax) return Promise.reject(overloaded());
      return new Promise((admit, refuse) => {
        waitingEvents += events;
        waiters.push({ events, deadline: performance.now() + waitMs, admit, refuse });
      });
    },
    leave: (events) => {
      inFlight -= events;
      if (waiters.length > 0) admitWaiting();
    },
    close: () => clearInterval(sweep),
  };
}
