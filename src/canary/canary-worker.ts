import type { Config, DestinationConfig } from '../config/config.ts';
import { createDeliveryWorker, type DeliveryWorker } from '../delivery/worker.ts';
import { delivered, type Delivery, type Destination } from '../destinations/destination.ts';
import { canaryName } from '../event/canary.ts';
import type { GiveUp } from '../event/delivery-attempt.ts';
import { reportCanaryArrival } from '../jetstream/read/canary-arrivals.ts';
import type { Log } from '../jetstream/log.ts';
import type { Signals } from '../observability/signals.ts';

export interface CanaryWorkerParts {
  readonly config: Config;
  readonly log: Log;
  readonly signals: Signals;
  readonly giveUp: GiveUp;
}

/** Heartbeats have a few hundred bytes. */
const heartbeatBytesMax = 1024 * 1024;

const destinationConfig: DestinationConfig = {
  name: canaryName,
  type: 'null',
  events: [],
  sources: [],
  retry: { attempts: 5, baseMs: 1_000, capMs: 60_000 },
  ackWaitMs: 30_000,
  whenFull: 'aside',
  settings: {},
};

/**
 * An ordinary delivery worker for heartbeats only, which delivers them nowhere. It does not count
 * as a destination, and does not appear in the metrics of destinations.
 */
export function createCanaryWorker(parts: CanaryWorkerParts): {
  readonly worker: DeliveryWorker;
  readonly destination: Destination;
} {
  const { config, log, signals, giveUp } = parts;
  const destination = createNullDestination(log);
  const worker = createDeliveryWorker({
    destinationConfig,
    destination,
    log,
    signals: {
      ...signals,
      eventsDelivered: () => {},
      deliveryLatency: () => {},
      destinationCalled: () => {},
    },
    giveUp,
    heldBytesMax: heartbeatBytesMax,
    stopGraceMs: config.shutdownGraceMs,
  });
  return { worker, destination };
}

function createNullDestination(log: Log): Destination {
  return {
    batchEventsMax: 100,
    concurrency: 1,
    deliver: (batch) => {
      for (const delivery of batch) reportArrival(log, delivery);
      return Promise.resolve(batch.map(() => delivered));
    },
    close: () => Promise.resolve(),
  };
}

function reportArrival(log: Log, delivery: Delivery): void {
  let key: string;
  try {
    key = delivery.event().idempotencyKey;
  } catch {
    // Another program has written this message.
    return;
  }
  reportCanaryArrival(log, key);
}
