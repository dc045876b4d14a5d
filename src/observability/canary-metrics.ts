import type { Registry } from 'prom-client';

import type { Logger } from './logger.ts';
import { createCounter, createGauge, createHistogram } from './metric-families.ts';

const outcomes = ['accepted', 'failed', 'arrived'] as const;
const steps = ['answered', 'arrived'] as const;

/** In seconds: milliseconds in normal operation, hours after an outage. */
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3600];

export type CanaryMetrics = ReturnType<typeof createCanaryMetrics>;

/** Metrics of the heartbeats that this gate sends to itself. All are 0 while it sends none. */
export function createCanaryMetrics(registry: Registry) {
  const counter = createCounter(registry, {
    name: 'headgate_canary_total',
    help: 'Heartbeats of this gate: accepted or failed at its endpoint, and arrived after the log.',
    labels: ['outcome'],
  });
  const duration = createHistogram(registry, {
    name: 'headgate_canary_duration_seconds',
    help: 'From sending a heartbeat until the endpoint has answered, and until it has arrived.',
    labels: ['step'],
    buckets,
  });
  const canary = { intervalMs: 0, arrivedSentAtMs: 0, newestAt: 0 };
  createGauge(
    registry,
    {
      name: 'headgate_canary_interval_seconds',
      help: 'How often this gate sends a heartbeat; 0 while it sends none.',
      labels: [],
    },
    () => [{ labels: [], value: canary.intervalMs / 1_000 }],
  );
  createGauge(
    registry,
    {
      name: 'headgate_canary_arrived_timestamp_seconds',
      help: 'When the newest heartbeat that arrived was sent. Until one arrives, when the first was sent.',
      labels: [],
    },
    () => [{ labels: [], value: canary.arrivedSentAtMs / 1_000 }],
  );
  for (const outcome of outcomes) counter.series(outcome);
  for (const step of steps) duration.series(step);
  return {
    canary,
    count: (outcome: (typeof outcomes)[number]): void => {
      counter.series(outcome).value += 1;
    },
    observe: (step: (typeof steps)[number], seconds: number): void =>
      duration.series(step).observe(seconds),
  };
}

/** A heartbeat that is this many intervals late is reported. */
const lateIntervals = 3;

/** Reports heartbeats: one log line when they stop arriving, and one when they arrive again. */
export function createCanarySignals({ canary, count, observe }: CanaryMetrics, logger: Logger) {
  let late = false;
  let failure = '';
  // By the monotonic clock: after a step back, the wall clock would report no heartbeat as late.
  const ageMs = (): number => performance.now() - canary.newestAt;
  return {
    canaryStarted: (intervalMs: number): void => {
      Object.assign(canary, { intervalMs, arrivedSentAtMs: Date.now() });
      canary.newestAt = performance.now();
    },
    /** Called before each heartbeat. */
    canarySent: (): void => {
      if (late || ageMs() < lateIntervals * canary.intervalMs) return;
      late = true;
      const seconds = Math.round(ageMs() / 1_000);
      logger.error({ seconds, failure }, 'the heartbeat does not come through');
    },
    canaryAccepted: (seconds: number): void => {
      failure = '';
      count('accepted');
      observe('answered', seconds);
    },
    canaryFailed: (reason: string): void => {
      failure = reason;
      count('failed');
    },
    canaryArrived: (sentAtMs: number, seconds: number): void => {
      count('arrived');
      observe('arrived', seconds);
      const startedAt = performance.now() - seconds * 1_000;
      if (startedAt >= canary.newestAt)
        Object.assign(canary, { newestAt: startedAt, arrivedSentAtMs: sentAtMs });
      if (!late || ageMs() >= lateIntervals * canary.intervalMs) return;
      late = false;
      logger.warn('the heartbeat comes through again');
    },
  };
}
