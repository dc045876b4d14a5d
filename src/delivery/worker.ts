import type { DestinationConfig } from '../config/config.ts';
import type { Destination } from '../destinations/destination.ts';
import { eventNameOf, type DeliveredStream, type GiveUp } from '../event/delivery-attempt.ts';
import { compileEventGlobs } from '../event/glob.ts';
import type { Log } from '../jetstream/log.ts';
import { flushSettled, type Pull, type PulledMessage } from '../jetstream/pull.ts';
import type { Signals } from '../observability/signals.ts';
import { deliverMsMax } from './capacity.ts';
import { deliverBatch } from './deliver-batch.ts';
import { createEventQueue } from './event-queue.ts';
import { HeldEvent } from './held-event.ts';
import { openPulls } from './open-pulls.ts';
import { createRunningBatches } from './running-batches.ts';
import { createSettler, type Settler } from './settle.ts';

/** Carries events to one destination. */
export interface DeliveryWorker {
  /** Makes its consumers and begins to pull. Rejects when the log cannot be reached. */
  start(): Promise<void>;
  /**
   * Pulls nothing more, waits for the calls under way up to the grace, and hands the rest back.
   * The destination stays open: its owner closes it.
   */
  stop(): Promise<void>;
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
}

/** Three ticks to an acknowledgement wait: one word that is lost still leaves time for another. */
const ticksPerAckWait = 3;

/**
 * States: new -> running -> stopping -> stopped. An event's way through it: pulled -> queued ->
 * in a batch -> settled (settle.ts).
 *
 * Batches are what has arrived by the time a slot is free: one event when all is quiet, which so
 * waits for nothing, and full batches under load. Nothing is done per event but its place in the
 * queue and its acknowledgement; there is a promise per batch.
 */
export function createDeliveryWorker(options: DeliveryWorkerOptions): DeliveryWorker {
  const { destinationConfig: config, destination, log, signals } = options;
  const settler = createSettler({ ...options, config, random: options.random ?? Math.random });
  const wanted = compileEventGlobs(config.events);
  const queue = createEventQueue(config.retry.attempts);
  const tickMs = config.ackWaitMs / ticksPerAckWait;
  const ticksMax = deliverMsMax(config.ackWaitMs) / tickMs;
  let tick = 0;
  let pumping = false;
  let stopping = false;

  const deliver = createDeliver(options, settler);
  const mayStart = (): boolean =>
    !stopping && queue.length() > 0 && running.count() < destination.concurrency;
  const pump = (): void => {
    pumping = false;
    while (mayStart()) {
      const events = queue.take(destination.batchEventsMax);
      running.start(events, (abort) => deliver(events, abort));
    }
  };
  const running = createRunningBatches(() => tick, pump);

  const onMessage = (message: PulledMessage, stream: DeliveredStream): void => {
    const held = new HeldEvent(message, stream);
    if (stopping) {
      settler.handBack(held);
      return;
    }
    // A replay was meant for this destination by a person, whatever the globs say by now.
    if (stream === 'EVENTS' && !wanted(eventNameOf(message.subject))) {
      settler.filtered(held);
      signals.eventsFiltered(config.name, 1);
      return;
    }
    queue.push(held);
    // Once per turn of the event loop, so that what one read of the socket brought is one batch.
    if (!pumping) {
      pumping = true;
      setImmediate(pump);
    }
  };

  const onTick = (): void => {
    tick += 1;
    running.cutShort(ticksMax, tick);
    for (const held of [...queue.values(), ...running.events()]) settler.keep(held);
  };

  let timer: NodeJS.Timeout | undefined;
  let pulls: Pull | undefined;
  const start = async (): Promise<void> => {
    timer = setInterval(onTick, tickMs);
    pulls = await openPulls(options, onMessage);
  };

  let started: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    stopping = true;
    await started?.catch(() => {});
    await pulls?.stop();
    for (const held of queue.takeAll()) settler.handBack(held);
    for (const held of await running.drain(options.stopGraceMs)) settler.handBack(held);
    clearInterval(timer);
    if (pulls !== undefined) await flushSettled(log);
  };

  let stopped: Promise<void> | undefined;
  return {
    start: () => (started ??= start()),
    stop: () => (stopped ??= stop()),
  };
}

/** One batch from the call of `deliver` until each of its events is settled. Never rejects. */
function createDeliver(options: DeliveryWorkerOptions, settler: Settler) {
  const { destination, signals } = options;
  const { name } = options.destinationConfig;
  const carry = async (events: readonly HeldEvent[], abort: AbortController): Promise<void> => {
    const startedAtMs = Date.now();
    const began = performance.now();
    const { outcomes, fault } = await deliverBatch(destination, events, abort);
    if (fault !== undefined) signals.trouble(`destination ${name}`, fault);
    if (outcomes === undefined) {
      for (const held of events) settler.handBack(held);
      return;
    }
    const durationMs = performance.now() - began;
    await settler.settleBatch(events, outcomes, { startedAtMs, durationMs });
  };
  return async (events: readonly HeldEvent[], abort: AbortController): Promise<void> => {
    try {
      await carry(events, abort);
    } catch (error) {
      // A bug of ours. What it left unsettled comes again when the acknowledgement wait is over.
      signals.trouble(`delivering to ${name}`, error);
    }
  };
}
