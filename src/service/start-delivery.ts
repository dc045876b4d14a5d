import { createCanaryWorker } from '../canary/canary-worker.ts';
import type { Config, DestinationConfig } from '../config/config.ts';
import { createAdvisoryCollector } from '../dead-letters/collect-advisories.ts';
import { createDeadLetterGauges } from '../dead-letters/gauges.ts';
import type { DeadLetterQueue } from '../dead-letters/queue.ts';
import { createDeadLetterWriter } from '../dead-letters/write-dead-letter.ts';
import { heldBytesMaxOf } from '../delivery/capacity.ts';
import { createRemovedMoves } from '../delivery/aside/move-removed.ts';
import { createUnblock, type UnblockedDestination } from '../delivery/aside/unblock.ts';
import { createDeliveryWorker, type DeliveryWorker } from '../delivery/worker.ts';
import type { Pauses } from '../delivery/pause/follow-pauses.ts';
import type { WorkerState } from '../delivery/worker-state.ts';
import type { Destination, DestinationType } from '../destinations/destination.ts';
import { destinationTypes } from '../destinations/registry.ts';
import type { GiveUp } from '../event/delivery-attempt.ts';
import type { ContractsInForce } from '../event/contracts/event-contract.ts';
import { cleanAside } from '../jetstream/consume/aside/clean-aside.ts';
import { createJanitor } from '../jetstream/consume/janitor.ts';
import type { Log } from '../jetstream/log.ts';
import { createPressureRelief } from '../jetstream/consume/retention/pressure.ts';
import { openTransform } from '../transform/open-transform.ts';
import type { Transformer } from '../transform/transformer.ts';
import type { ServiceCounts } from './counts/start-counts.ts';
import { startPauses } from './follow/start-pauses.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { Signals } from '../observability/signals.ts';
import { createRedeliveries } from '../redelivery/redeliveries.ts';
import type { RedeliveryTarget } from '../redelivery/run-job.ts';
import {
  createConfirmations,
  type Confirmations,
  type ConfirmedDestination,
} from '../reconciliation/confirmations.ts';

export interface DeliveryParts {
  readonly config: Config;
  readonly log: Log;
  readonly signals: Signals;
  readonly lifecycle: Lifecycle;
  readonly deadLetters: DeadLetterQueue;
  readonly counts: Pick<ServiceCounts, 'deadLettered'>;
  readonly contracts: ContractsInForce;
}

/** The running delivery. */
export interface RunningDelivery {
  /** Undefined if no worker delivers to the destination. */
  stateOf(destination: string): WorkerState | undefined;
  /** The destination seems to be back: while it is parked, it is probed now. */
  probeSoon(destination: string): void;
  /** Undefined if the destination cannot report what it holds. */
  storedOf(destination: string): Destination['stored'] | undefined;
}

/** A destination with the worker that delivers to it. */
export interface Carrier {
  readonly destination: Pick<Destination, 'close' | 'stored'>;
  readonly worker: DeliveryWorker;
  readonly transformer?: Transformer | undefined;
}

/**
 * Starts delivery: the collector, which turns advisories into dead letters, a worker for each
 * destination, the confirmations, the redeliveries, the gauges and the janitor.
 */
export async function startDelivery(parts: DeliveryParts): Promise<RunningDelivery> {
  const { config, log, signals, lifecycle } = parts;
  const destinations = config.destinations.map((destination) => destination.name);
  const giveUp = createDeadLetterWriter({ log, signals, onStored: parts.counts.deadLettered });

  const collector = createAdvisoryCollector({ log, signals, destinations, write: giveUp });
  // Registered before the start: a start that fails half-way must be released, too.
  lifecycle.onRelease('advisory collector', collector.stop);
  await collector.start();

  const carriers: Carrier[] = [];
  const pauses = await startPauses({
    ...parts,
    destinations: config.destinations,
    workerOf: (name) => carriers[destinations.indexOf(name)]?.worker,
  });
  const confirmations = createConfirmations({
    log,
    onMissing: signals.deliveriesMissing,
    onTrouble: (name, error) => signals.trouble(`confirming the deliveries to ${name}`, error),
  });
  lifecycle.onRelease('destinations', () => stopAll(carriers));
  lifecycle.onRelease('confirmations', confirmations.stop);
  const redeliveries = createRedeliveries({ log, signals });
  lifecycle.onRelease('redeliveries', redeliveries.stop);
  for (const destinationConfig of config.destinations) {
    const carrier = await createCarrier(destinationConfig, parts, giveUp, pauses);
    carriers.push(carrier);
    await confirmations.begin(confirmedDestination(destinationConfig, carrier));
    await carrier.worker.start();
    redeliveries.add(redeliveryTarget(destinationConfig, carrier));
  }
  confirmations.start();
  redeliveries.start();

  if (config.canary.intervalMs !== undefined) {
    const canary = createCanaryWorker({ config, log, signals, giveUp });
    carriers.push(canary);
    await canary.worker.start();
  }

  const gauges = createDeadLetterGauges({ log, queue: parts.deadLetters, destinations, signals });
  gauges.start();
  lifecycle.onRelease('dead-letter gauges', gauges.stop);
  const janitor = createJanitor({
    log,
    retentionMs: config.log.retentionMs,
    destinations,
    confirmedUpTo: confirmations.confirmedUpTo,
    onTrouble: (error) => signals.trouble('janitor', error),
    onForgotten: signals.destinationForgotten,
  });
  janitor.start();
  lifecycle.onRelease('janitor', janitor.stop);
  const byName = new Map(
    config.destinations.map(({ name, whenFull }, index) => [
      name,
      { ...carriers[index]!, whenFull },
    ]),
  );
  await startPressureRelief(parts, byName, confirmations);
  return {
    stateOf: (name) => byName.get(name)?.worker.state(),
    probeSoon: (name) => byName.get(name)?.worker.probeSoon(),
    storedOf: (name) => {
      const destination = byName.get(name)?.destination;
      return destination?.stored?.bind(destination);
    },
  };
}

async function startPressureRelief(
  { config, log, signals, lifecycle }: DeliveryParts,
  destinations: ReadonlyMap<string, UnblockedDestination>,
  { confirmedUpTo, hurry }: Pick<Confirmations, 'confirmedUpTo' | 'hurry'>,
): Promise<void> {
  const removed = createRemovedMoves({ log, signals });
  lifecycle.onRelease('moves of removed destinations', removed.stop);
  const unblock = createUnblock({
    destinationOf: (name) => destinations.get(name),
    removed,
    confirm: () => void hurry(),
    clean: () => cleanAside(log),
    signals,
  });
  const relief = createPressureRelief({
    log,
    confirmedUpTo,
    retentionMinMs: config.log.retentionMinMs,
    destinations: [...destinations.keys()],
    unblock,
    onHeld: signals.eventsHeld,
    onStuck: signals.logStuck,
    onRetentionReached: signals.retentionReached,
    onTrouble: (error) => signals.trouble('making room in the log', error),
  });
  lifecycle.onRelease('pressure relief', relief.stop);
  await relief.start();
}

async function createCarrier(
  destinationConfig: DestinationConfig,
  { config, log, signals, contracts }: DeliveryParts,
  giveUp: GiveUp,
  pauses: Pauses,
): Promise<Carrier> {
  const { name, type, settings } = destinationConfig;
  const transformer = await openTransform(destinationConfig);
  const destination = await destinationTypeOf(type).create(name, settings, { contracts });
  const worker = createDeliveryWorker({
    destinationConfig,
    destination,
    transformer,
    log,
    signals,
    giveUp,
    pause: () => pauses.of(name),
    heldBytesMax: heldBytesMaxOf(config.destinations.length),
    besideIntake: config.roles.has('gate'),
    stopGraceMs: config.shutdownGraceMs,
  });
  return { destination, worker, transformer };
}

function confirmedDestination(
  config: DestinationConfig,
  { destination, worker }: Carrier,
): ConfirmedDestination {
  return {
    name: config.name,
    type: config.type,
    filter: config,
    stored: destination.stored?.bind(destination),
    isRunning: () => worker.state().kind === 'running',
  };
}

function redeliveryTarget(config: DestinationConfig, carrier: Carrier): RedeliveryTarget {
  const { isRunning: _isRunning, ...audited } = confirmedDestination(config, carrier);
  const { worker } = carrier;
  return {
    ...audited,
    openLane: worker.openLane,
    waitsFor: () => {
      const { kind, reason } = worker.state();
      return kind === 'running' ? '' : `${config.name} is ${kind}: ${reason}`;
    },
  };
}

/** Stops all at once: one after another, each slow destination would use a whole grace period. */
export async function stopAll(
  carriers: readonly {
    worker: Pick<DeliveryWorker, 'stop'>;
    destination: Carrier['destination'];
    transformer?: Carrier['transformer'];
  }[],
): Promise<void> {
  const ended = await Promise.allSettled(
    carriers.map(async ({ destination, worker, transformer }) => {
      try {
        await worker.stop();
      } finally {
        await transformer?.close();
        await destination.close();
      }
    }),
  );
  const faults = ended.filter((one) => one.status === 'rejected').map(({ reason }) => reason);
  if (faults.length > 0) throw new AggregateError(faults, 'destinations could not be stopped');
}

/** Every configured type exists: the configuration is validated against this list. */
function destinationTypeOf(name: string): DestinationType {
  return destinationTypes.find((type) => type.type === name)!;
}
