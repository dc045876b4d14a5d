import type { LineSampler } from './line-sampler.ts';
import type { Logger } from './logger.ts';
import {
  transformOutcomes,
  type DeliveryOutcome,
  type Metrics,
  type TransformOutcome,
} from './metrics.ts';

/** One call of a destination. Written as one wide log line. */
export interface DeliveryCall {
  readonly destination: string;
  readonly stream: string;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly events: number;
  readonly delivered: number;
  /** Events that the destination could not accept, for reasons that the event did not cause. */
  readonly postponed: number;
  /** Events that the destination refused; each has a log line of its own. */
  readonly refused: number;
  /** Whether the call was a single event that tests whether a parked destination is back. */
  readonly probe: boolean;
  readonly durationMs: number;
  /** The correlation id of the first event. */
  readonly correlationId: string;
  /** The status of the first undelivered event; empty if all were delivered. */
  readonly status: string;
  readonly error: string;
}

/** A failed last or other attempt to deliver one event. Written as one wide log line. */
export interface FailedDelivery {
  readonly destination: string;
  readonly stream: string;
  readonly sequence: number;
  readonly eventId: string;
  readonly eventName: string;
  readonly correlationId: string;
  readonly attempt: number;
  readonly durationMs: number;
  readonly status: string;
  readonly error: string;
  /** The delay until the next attempt; undefined if no attempt follows. */
  readonly retryInMs: number | undefined;
}

function createTransformSignals(metrics: Metrics) {
  return {
    eventsTransformed: (
      destination: string,
      counts: Readonly<Record<TransformOutcome, number>>,
    ): void => {
      for (const outcome of transformOutcomes) {
        metrics.transforms.series(destination, outcome).value += counts[outcome];
      }
    },
  };
}

function createBacklogSignals({ gauges }: Metrics) {
  return {
    /** `aside`: how many of them are in ASIDE. `oldestMs`: a Unix time; 0 when none waits. */
    destinationPending: (
      destination: string,
      count: number,
      aside: number,
      oldestMs: number,
    ): void => {
      gauges.destinationPending.set(destination, count);
      gauges.destinationOldest.set(destination, oldestMs / 1_000);
      gauges.destinationAside.set(destination, aside);
    },
  };
}

function createPauseSignals({ gauges }: Metrics, logger: Logger) {
  return {
    /** Undefined: the destination was resumed. */
    destinationPaused: (
      destination: string,
      pause: { readonly by: string; readonly why: string; readonly sinceMs: number } | undefined,
    ): void => {
      gauges.destinationPaused.set(destination, pause === undefined ? 0 : 1);
      gauges.destinationPausedSince.set(destination, (pause?.sinceMs ?? 0) / 1_000);
      if (pause === undefined) logger.info({ destination }, 'destination resumed');
      else logger.warn({ destination, by: pause.by, why: pause.why }, 'destination paused');
    },
  };
}

/** The signals about deliveries. */
export function createDeliverySignals(metrics: Metrics, logger: Logger, sampler: LineSampler) {
  return {
    ...createTransformSignals(metrics),
    ...createPauseSignals(metrics, logger),
    eventsDelivered: (destination: string, count: number): void => {
      metrics.deliveries.series(destination, 'delivered').value += count;
    },
    deliveryLatency: (destination: string, seconds: number): void =>
      metrics.deliveryLatency.series(destination).observe(seconds),
    eventsFiltered: (destination: string, count: number): void => {
      metrics.deliveries.series(destination, 'filtered').value += count;
    },
    deliveryFailed: (
      outcome: Extract<DeliveryOutcome, 'retried' | 'dead'>,
      attempt: FailedDelivery,
    ): void => {
      metrics.deliveries.series(attempt.destination, outcome).value += 1;
      if (!sampler.admit(`delivery failed: ${attempt.destination}`)) return;
      logger.warn({ ...attempt, outcome }, 'delivery failed');
    },
    /** Calls `describe` only if the line is written, because calls are many and most succeed. */
    destinationCalled: (
      destination: string,
      succeeded: boolean,
      describe: () => DeliveryCall,
    ): void => {
      const level = succeeded ? 'debug' : 'warn';
      if (!logger.isLevelEnabled(level) || !sampler.admit(`${level} call: ${destination}`)) return;
      logger[level](
        { ...describe() },
        succeeded ? 'delivered' : 'destination did not accept all events',
      );
    },
    /** Counts a failure that the destination caused. `destinationCalled` logs the call. */
    deliveryPostponed: (destination: string): void => {
      metrics.deliveries.series(destination, 'retried').value += 1;
    },
    /** Events were settled without delivery, by positions in EVENTS. They are delivered again. */
    deliveriesMissing: (
      destination: string,
      { events, from, to }: { readonly events: number; readonly from: number; readonly to: number },
    ): void => {
      metrics.destinationMissing.series(destination).value += events;
      logger.error(
        { destination, events, from, to },
        'events were settled and not delivered, and are delivered again: see docs/runbooks/deliveries-missing.md',
      );
    },
    ...createBacklogSignals(metrics),
    destinationParked: (destination: string, parked: boolean, reason: string): void => {
      metrics.gauges.destinationParked.set(destination, parked ? 1 : 0);
      if (!parked) metrics.gauges.destinationDisabled.set(destination, 0);
      logger.warn(
        parked ? { destination, parked, reason } : { destination, parked },
        parked ? 'destination parked' : 'destination back',
      );
    },
    /** Reports whether a parked destination has disabled itself. */
    destinationDisabled: (destination: string, disabled: boolean): void => {
      metrics.gauges.destinationDisabled.set(destination, disabled ? 1 : 0);
    },
    /**
     * Reports a destination in no configuration. The janitor keeps its undelivered events forever.
     */
    destinationForgotten: (destination: string, waiting: number): void =>
      logger.warn(
        { destination, waiting },
        'no configuration names this destination, and the log keeps events for it: ' +
          'put it back, or run headgate destinations remove',
      ),
    deadLetters: (destination: string, count: number, oldestSeconds: number): void => {
      metrics.gauges.deadLetters.set(destination, count);
      metrics.gauges.deadLetterOldest.set(destination, oldestSeconds);
    },
  };
}

/** The signals about redeliveries. */
export function createRedeliverySignals(metrics: Metrics, logger: Logger) {
  return {
    /** Events of a redelivery were stored for the lane of the destination. */
    eventsRedelivered: (destination: string, count: number): void => {
      metrics.eventsRedelivered.series(destination).value += count;
    },
    redeliveryTaken: (destination: string, id: string): void => {
      metrics.gauges.redeliveryRunning.set(destination, 1);
      logger.info({ destination, id }, 'redelivery begins here');
    },
    /** This process works on it no longer: `state` says whether it has ended. */
    redeliveryLeft: (
      destination: string,
      left: {
        readonly id: string;
        readonly state: string;
        readonly sent: number;
        readonly note: string;
      },
    ): void => {
      metrics.gauges.redeliveryRunning.set(destination, 0);
      logger[left.state === 'failed' ? 'warn' : 'info'](
        { destination, ...left },
        'redelivery ends here',
      );
    },
  };
}
