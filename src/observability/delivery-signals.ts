import type { LineSampler } from './line-sampler.ts';
import type { Logger } from './logger.ts';
import type { DeliveryOutcome, Metrics } from './metrics.ts';

/** One call of a destination: one wide log line. */
export interface DeliveryCall {
  readonly destination: string;
  readonly stream: string;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly events: number;
  readonly delivered: number;
  /** Events that it could not take, for reasons that are not the event's. */
  readonly postponed: number;
  /** Events that it refused; each has a line of its own. */
  readonly refused: number;
  /** A single event, to see whether a parked destination is back. */
  readonly probe: boolean;
  readonly durationMs: number;
  /** Of the first event. */
  readonly correlationId: string;
  /** Of the first that was not delivered; empty where all were. */
  readonly status: string;
  readonly error: string;
}

/** A failed, or given up, attempt to deliver one event: one wide log line. */
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
  /** When it is tried again; undefined when it is not. */
  readonly retryInMs: number | undefined;
}

/** What is reported about events on their way to destinations. */
export function createDeliverySignals(metrics: Metrics, logger: Logger, sampler: LineSampler) {
  return {
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
    /** `describe` is called only where the line is written: calls are many, and most succeed. */
    destinationCalled: (destination: string, well: boolean, describe: () => DeliveryCall): void => {
      const level = well ? 'debug' : 'warn';
      if (!logger.isLevelEnabled(level) || !sampler.admit(`${level} call: ${destination}`)) return;
      logger[level]({ ...describe() }, well ? 'delivered' : 'destination did not take all');
    },
    /** Caused by the destination: `destinationCalled` logs one line for the call, this logs none. */
    deliveryPostponed: (destination: string): void => {
      metrics.deliveries.series(destination, 'retried').value += 1;
    },
    destinationPending: (destination: string, count: number): void => {
      metrics.gauges.destinationPending.set(destination, count);
    },
    destinationParked: (destination: string, parked: boolean, reason: string): void => {
      metrics.gauges.destinationParked.set(destination, parked ? 1 : 0);
      if (!parked) metrics.gauges.destinationDisabled.set(destination, 0);
      logger.warn(
        parked ? { destination, parked, reason } : { destination, parked },
        parked ? 'destination parked' : 'destination back',
      );
    },
    /** A parked destination that has said it wants nothing more. */
    destinationDisabled: (destination: string, disabled: boolean): void => {
      metrics.gauges.destinationDisabled.set(destination, disabled ? 1 : 0);
    },
    /** No configuration names it, and its undelivered events hold back the janitor for ever. */
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
