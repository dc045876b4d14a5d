import type { DestinationConfig } from '../config/config.ts';
import type { Destination } from '../destinations/destination.ts';
import { eventNameOf, type DeliveredStream, type GiveUp } from '../event/delivery-attempt.ts';
import { compileEventGlobs } from '../event/glob.ts';
import type { Log } from '../jetstream/log.ts';
import { flushSettled, type Pull, type PulledMessage } from '../jetstream/pull.ts';
import type { Signals } from '../observability/signals.ts';
import { createAttemptRecord, type Failure } from './attempt-record.ts';
import { createCalls } from './call.ts';
import { deliverMsMax, trustedDeliveriesMax } from './capacity.ts';
import { createDelayedEvents } from './delayed-events.ts';
import { createEventQueue } from './event-queue.ts';
import { HeldEvent } from './held-event.ts';
import { openPulls } from './open-pulls.ts';
import { Parking, probeIntervals, type ProbeIntervals } from './parking.ts';
import { createPump } from './pump.ts';
import { createRunningBatches } from './running-batches.ts';
import { createSettler, type Settler } from './settle.ts';

/** How it stands with a worker. Times are Unix times in ms. */
export interface WorkerState {
  readonly kind: 'running' | 'parked' | 'stopped';
  readonly sinceMs: number;
  /** Why it is parked; else empty. */
  readonly reason: string;
  /** When a parked one tries again; undefined while it is trying. */
  readonly nextProbeMs: number | undefined;
}

/** Carries events to one destination. */
export interface DeliveryWorker {
  /** Makes its consumers and begins to pull. Rejects when the log cannot be reached. */
  start(): Promise<void>;
  /**
   * Pulls nothing more, waits for the calls under way up to the grace, and hands the rest back.
   * The destination stays open: its owner closes it.
   */
  stop(): Promise<void>;
  state(): WorkerState;
}

export interface DeliveryWorkerOptions {
  readonly destinationConfig: DestinationConfig;
  readonly destination: Destination;
  readonly log: Log;
  readonly signals: Signals;
  /** Stores a dead letter: dead-letters/, joined in service.ts. */
  readonly giveUp: GiveUp;
  /** `limits.event_bytes_max`. */
  readonly eventBytesMax: number;
  /** How long calls under way may take to end once `stop` is called. */
  readonly stopGraceMs: number;
  readonly random?: () => number;
  /** How soon a parked destination is tried again. */
  readonly probes?: ProbeIntervals;
}

/** Three ticks to an acknowledgement wait: one word that is lost still leaves time for another. */
const ticksPerAckWait = 3;
/** Fewer single events in a row that fail may be a cluster of bad ones. */
const failuresMin = 8;

/**
 * States: new -> running -> stopping -> stopped. An event's way through it: pulled -> queued ->
 * in a batch -> settled (settle.ts), or queued again where the destination was at fault. Whether
 * that is open or parked is kept in parking.ts.
 *
 * Batches are what has arrived by the time a slot is free: one event when all is quiet, which so
 * waits for nothing, and full batches under load. Nothing is done per event but its place in the
 * queue and its acknowledgement; there is a promise per batch.
 */
export function createDeliveryWorker(options: DeliveryWorkerOptions): DeliveryWorker {
  const { destinationConfig: config, log, signals } = options;
  const { settler, queue, parking, delayed, calls, told } = createParts(options, () => schedule());
  const tickMs = config.ackWaitMs / ticksPerAckWait;
  const ticksMax = deliverMsMax(config.ackWaitMs) / tickMs;
  let tick = 0;
  let pumping = false;
  let stopping = false;

  const running = createRunningBatches(() => tick, () => pump());
  const pump = createPump({ ...options, queue, parking, running, calls, stopping: () => stopping });
  // Once per turn of the event loop, so that what one read of the socket brought is one batch.
  const schedule = (): void => {
    if (pumping) return;
    pumping = true;
    setImmediate(() => {
      pumping = false;
      pump();
    });
  };

  const admit = createAdmit(config, settler, signals);
  const onMessage = (message: PulledMessage, stream: DeliveredStream): void => {
    const held = new HeldEvent(message, stream);
    if (stopping) settler.handBack(held);
    else if (admit(held)) {
      queue.push(held);
      schedule();
    }
  };

  const inHand = (): HeldEvent[] => [
    ...queue.values(),
    ...delayed.values(),
    ...parking.suspects.map(({ held }) => held),
  ];
  const onTick = (): void => {
    tick += 1;
    running.cutShort(ticksMax, tick);
    for (const held of [...inHand(), ...running.events()]) settler.keep(held);
  };

  let timer: NodeJS.Timeout | undefined;
  let pulls: Pull | undefined;
  const start = async (): Promise<void> => {
    timer = setInterval(onTick, tickMs);
    pulls = await openPulls(options, onMessage);
    told.change('running', '');
  };

  let started: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    stopping = true;
    told.change('stopped', '');
    pump();
    await started?.catch(() => {});
    await pulls?.stop();
    for (const held of inHand()) settler.handBack(held);
    queue.takeAll();
    delayed.takeAll();
    // A probe is not worth waiting for: it most likely hangs.
    const graceMs = parking.parked ? 0 : options.stopGraceMs;
    for (const held of await running.drain(graceMs)) settler.handBack(held);
    // What the calls that have just ended gave back.
    for (const held of inHand()) settler.handBack(held);
    delayed.takeAll();
    clearInterval(timer);
    if (pulls !== undefined) await flushSettled(log);
  };

  let stopped: Promise<void> | undefined;
  return {
    start: () => (started ??= start()),
    stop: () => (stopped ??= stop()),
    state: () => told.state(parking.dueMs),
  };
}

/** What the worker tells of itself; changed by whoever knows. */
function createTold() {
  let kind: WorkerState['kind'] = 'stopped';
  let sinceMs = Date.now();
  let reason = '';
  return {
    change: (to: WorkerState['kind'], why: string): void => {
      kind = to;
      reason = why;
      sinceMs = Date.now();
    },
    /** `dueMs` is of the monotonic clock. */
    state: (dueMs: number | undefined): WorkerState => ({
      kind,
      sinceMs,
      reason,
      nextProbeMs:
        kind === 'parked' && dueMs !== undefined
          ? Math.round(performance.timeOrigin + dueMs)
          : undefined,
    }),
  };
}

/** False: the event is not for this destination, and settled. */
function createAdmit(config: DestinationConfig, settler: Settler, signals: Signals) {
  const wanted = compileEventGlobs(config.events);
  const trusted = trustedDeliveriesMax(config.retry);
  return (held: HeldEvent): boolean => {
    const { message, stream } = held;
    // A replay was meant for this destination by a person, whatever the globs say by now.
    if (stream === 'EVENTS' && !wanted(eventNameOf(message.subject))) {
      settler.filtered(held);
      signals.eventsFiltered(config.name, 1);
      return false;
    }
    if (message.deliveries > trusted) {
      held.exclusive = true;
      held.batchEventsMax = 1;
    }
    return true;
  };
}

/** Everything between the queue and the destination. */
function createParts(options: DeliveryWorkerOptions, onDue: () => void) {
  const { destinationConfig: config, destination, log, signals } = options;
  const { name, retry } = config;
  const random = options.random ?? Math.random;
  const told = createTold();
  const record = createAttemptRecord(name, log, signals);
  const settler = createSettler({ ...options, config, record, random });
  const queue = createEventQueue();
  const delayed = createDelayedEvents((held) => {
    queue.push(held);
    onDue();
  });
  const parking = new Parking<Failure>({
    intervals: options.probes ?? probeIntervals,
    // No more than are under way at once when an outage begins.
    failuresMax: Math.max(failuresMin, destination.concurrency),
    random,
    onChange: (parked, reason) => {
      told.change(parked ? 'parked' : 'running', reason);
      signals.destinationParked(name, parked, reason);
    },
  });
  const own = { settler, record, parking, queue, delayed };
  const calls = createCalls({ name, retry, destination, signals, random, ...own });
  return { settler, queue, parking, delayed, calls, told };
}
