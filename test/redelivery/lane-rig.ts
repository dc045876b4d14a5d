import { onTestFinished } from 'vitest';

import type { DestinationConfig } from '../../src/config/config.ts';
import { delivered, type Destination } from '../../src/destinations/destination.ts';
import type { Log } from '../../src/jetstream/log.ts';
import type { RedeliveryJob } from '../../src/redelivery/job.ts';
import { createRedeliveryJobs } from '../../src/redelivery/jobs.ts';
import { createRedeliveries } from '../../src/redelivery/redeliveries.ts';
import type { Selection } from '../../src/redelivery/selection.ts';
import {
  createTestSignals,
  destinationConfig,
  recording,
  settled,
  startWorker,
  until,
} from '../delivery/rig.ts';

export const everything: Selection = {
  sinceMs: 0,
  untilMs: Number.POSITIVE_INFINITY,
  eventName: '',
  source: '',
  user: '',
  missing: false,
};

/** A destination that is away while it is not open. */
export function opening() {
  let isOpen = true;
  const destination = recording(() =>
    isOpen ? delivered : { kind: 'retry', fault: 'destination', reason: 'away' },
  );
  return {
    destination,
    open: (value: boolean) => {
      isOpen = value;
      destination.seen.splice(0);
    },
    seen: () => new Set(destination.seen.map(({ eventId }) => eventId)).size,
  };
}

/** What one process does for a destination: it delivers, and works on redeliveries. */
export async function startProcess(
  log: Log,
  destination: Destination,
  config: DestinationConfig = destinationConfig(),
  leaseMs = 4_000,
) {
  const { metrics, signals } = createTestSignals();
  let taken = 0;
  const worker = await startWorker(log, destination, { config, signals });
  const redeliveries = createRedeliveries({
    log,
    signals: {
      ...signals,
      redeliveryTaken: (...args) => {
        taken += 1;
        signals.redeliveryTaken(...args);
      },
    },
    lookMs: 20,
    leaseMs,
    retryMs: 50,
  });
  redeliveries.add({
    name: config.name,
    type: config.type,
    filter: config,
    stored: destination.stored?.bind(destination),
    waitsFor: () => (worker.state().kind === 'parked' ? 'parked' : ''),
    openLane: worker.openLane,
  });
  redeliveries.start();
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> =>
    (stopped ??= (async () => {
      await redeliveries.stop();
      await worker.stop();
    })());
  onTestFinished(stop);
  return {
    worker,
    stop,
    /** How often it took a job. */
    taken: () => taken,
    redelivered: () => metrics.eventsRedelivered.series('crm').value,
    observedLatencies: () => metrics.deliveryLatency.series('crm'),
  };
}

/**
 * Waits until so many events have come, and all are settled. A consumer may not know yet of events
 * that were stored just now, so that it has nothing left for a moment.
 */
export async function arrived(log: Log, count: () => number, events: number): Promise<void> {
  await until(count, (found) => found >= events, 20_000);
  await settled(log);
}

export async function jobOf(log: Log, id: string): Promise<RedeliveryJob> {
  const found = (await createRedeliveryJobs(log).list()).find((job) => job.id === id);
  if (found === undefined) throw new Error(`no redelivery ${id}`);
  return found;
}

export const inState = (
  log: Log,
  id: string,
  state: RedeliveryJob['state'],
  timeoutMs = 20_000,
): Promise<RedeliveryJob> =>
  until(
    () => jobOf(log, id),
    (job) => job.state === state,
    timeoutMs,
  );
