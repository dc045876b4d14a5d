import type { DestinationConfig } from '../config/config.ts';
import type { Destination } from '../destinations/destination.ts';
import { eachInTurns } from '../destinations/each-in-turns.ts';
import type { GiveUp } from '../event/delivery-attempt.ts';
import { recordFiltered } from '../jetstream/filtered-events.ts';
import type { Log } from '../jetstream/log.ts';
import type { Pause } from '../jetstream/consume/pause/pause-entry.ts';
import { createBacklogPace } from '../jetstream/consume/backlog-pace.ts';
import { flushSettled, type Pull } from '../jetstream/consume/pull.ts';
import { storeDelayedCopy, type DelayedCopy } from '../jetstream/consume/delayed-copies.ts';
import type { Signals } from '../observability/signals.ts';
import { storeAsideCopy, type AsideCopy } from '../jetstream/consume/aside/aside-copies.ts';
import { createAsideMoves, type AsideProgress } from './aside/moves.ts';
import type { Transformer } from '../transform/transformer.ts';
import { createAttemptRecord, type FailedAttempt } from './attempt-record.ts';
import { createCalls } from './call.ts';
import {
  ackPendingMax,
  asideAckPendingMax,
  deliverMsMax,
  heldBytesOf,
  laneAckPendingMax,
  replayAckPendingMax,
  retriedMax,
  type HeldFrom,
} from './capacity.ts';
import { createDelayedEvents } from './delayed-events.ts';
import type { HeldEvent } from './held-event.ts';
import { createLanes } from './lanes.ts';
import { createHeldRoom, type HeldRoom } from './receive/held-room.ts';
import { createLanePull } from './receive/lane-pull.ts';
import { openPulls } from './receive/open-pulls.ts';
import { Parking, probeIntervals, type ProbeIntervals } from './parking.ts';
import { createPump } from './pump.ts';
import { createRunningBatches } from './running-batches.ts';
import { createReceiver } from './receive/receiver.ts';
import { createSettler } from './settle.ts';
import { transformedDestination, type BatchReceiver } from './transform-destination.ts';
import { createWorkerStatus, watchTrouble, type WorkerState } from './worker-state.ts';

/** Delivers events to one destination. */
export interface DeliveryWorker {
  /** Creates its consumers and starts to pull. Rejects if the log cannot be reached. */
  start(): Promise<void>;
  /**
   * Stops pulling, waits up to the grace period for running calls, and releases the other events to
   * the log. The destination stays open: its owner closes it.
   */
  stop(): Promise<void>;
  state(): WorkerState;
  /** The destination was paused or resumed: `pause` says which. */
  pauseChanged(): void;
  /** The destination seems to be back: while it is parked, it is probed now. */
  probeSoon(): void;
  /** Moves its waiting events up to a position in EVENTS aside: `AsideMoves.request`. */
  moveAside(upTo: number, evenIfRunning: boolean): AsideProgress;
  /**
   * Delivers redelivered events, too: those of REPLAY from a position on. Resolves to a function that
   * ends this and releases them to the log. Open it once at a time, on a started worker. Rejects if
   * the log cannot be reached.
   */
  openLane(from: number): Promise<() => Promise<void>>;
}

export interface DeliveryWorkerOptions {
  readonly destinationConfig: DestinationConfig;
  readonly destination: Destination;
  /** Changes the events on their way. Its owner closes it. */
  readonly transformer?: Transformer | undefined;
  readonly log: Log;
  readonly signals: Signals;
  /** Stores a dead letter: dead-letters/, passed in by service/start-delivery.ts. */
  readonly giveUp: GiveUp;
  /** The payload bytes of the events that this worker may hold: `heldBytesMaxOf`. */
  readonly heldBytesMax: number;
  /** Whether its process takes events, too: while it does, it holds up the event loop for less time at once. */
  readonly besideIntake?: boolean;
  /** How long running calls may take to end after `stop` is called. */
  readonly stopGraceMs: number;
  readonly random?: () => number;
  /** The pause of the destination; undefined while it is not paused. */
  readonly pause?: (() => Pause | undefined) | undefined;
  /** How often a parked destination is probed. */
  readonly probes?: ProbeIntervals;
}

/** Three ticks per acknowledgement wait leave time for a second `working` if one is lost. */
const ticksPerAckWait = 3;
/** Fewer failed single events in a row may be a cluster of bad events. */
const failuresMin = 8;
/**
 * So many answers to the log take half a millisecond. A worker holds thousands of events: an answer for each in one turn of
 * the event loop would hold up producers for 10 to 30 ms.
 */
const answersPerTurn = 200;

/**
 * States: new -> running -> stopping -> stopped. An event moves through it: pulled -> queued -> in a
 * batch -> settled (settle.ts), or queued again when the destination failed. parking.ts decides
 * whether the destination is open or parked.
 *
 * A batch contains the events that have arrived when a slot becomes free, or some milliseconds later if the
 * destination wants fuller ones: a single event at low load, and a full batch under load. Each event costs its entry in the
 * queue and its acknowledgement; promises are created per batch.
 */
export function createDeliveryWorker(options: DeliveryWorkerOptions): DeliveryWorker {
  const { destinationConfig: config, log } = options;
  const parts = createParts(options, () => schedule());
  const { settler, queue, parking, delayed, calls, status, aside, isTaking } = parts;
  const tickMs = config.ackWaitMs / ticksPerAckWait;
  const ticksMax = deliverMsMax(config.ackWaitMs) / tickMs;
  let tick = 0;
  let stopping = false;
  const shared = { ...options, isTaking, settler, queue, stopping: () => stopping };

  const running = createRunningBatches(
    () => tick,
    () => pump(),
  );
  const pump = createPump({ ...shared, parking, running, calls, aside });
  const schedule = oncePerTurn(pump);

  const waiting = (): HeldEvent[] => [
    ...queue.values(),
    ...delayed.values(),
    ...aside.values(),
    ...parking.suspects.map(({ held }) => held),
  ];
  const onTick = (): void => {
    tick += 1;
    running.cutShort(ticksMax, tick);
    void eachInTurns([...waiting(), ...running.events()], answersPerTurn, settler.keep);
    parts.report();
  };

  let pulls: Pull | undefined;
  const lane = createLanePull(shared);
  const rooms = createRooms(options, isTaking, () => {
    pulls?.more();
    lane.more();
  });
  const receiver = createReceiver({ ...shared, rooms, schedule });

  let timer: NodeJS.Timeout | undefined;
  const start = async (): Promise<void> => {
    timer = setInterval(onTick, tickMs);
    status.change('running', '');
    pulls = await openPulls({ ...shared, rooms }, receiver);
  };

  let started: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    stopping = true;
    status.change('stopped', '');
    pump();
    await started?.catch(() => {});
    await pulls?.stop();
    await aside.stop();
    await lane.stop();
    const untried = [...queue.takeAll(), ...delayed.takeAll(), ...waiting()];
    await eachInTurns(untried, answersPerTurn, settler.release);
    // Do not wait for a probe: it most likely hangs.
    const graceMs = parking.parked ? 0 : options.stopGraceMs;
    const unsettled = await running.drain(graceMs);
    // The calls that have just ended may have put events back.
    for (const each of [...unsettled, ...waiting()]) settler.release(each);
    delayed.takeAll();
    clearInterval(timer);
    if (pulls !== undefined) await flushSettled(log);
  };

  let stopped: Promise<void> | undefined;
  return {
    start: () => (started ??= start()),
    stop: () => (stopped ??= stop()),
    openLane: (from) => lane.open(from, rooms.lane, receiver.onRedelivered),
    state: parts.state,
    pauseChanged: schedule,
    probeSoon: () => hurry(parking, schedule),
    moveAside: aside.request,
  };
}

function hurry(parking: Pick<Parking<FailedAttempt>, 'hurry'>, schedule: () => void): void {
  parking.hurry(performance.now());
  schedule();
}

/**
 * Calls `work` at most once per turn of the event loop, so that the events of one read of the
 * socket are one batch.
 */
function oncePerTurn(work: () => void): () => void {
  let isScheduled = false;
  const run = (): void => {
    isScheduled = false;
    work();
  };
  return () => {
    if (isScheduled) return;
    isScheduled = true;
    setImmediate(run);
  };
}

function reportDisabled({ signals, destination, destinationConfig }: DeliveryWorkerOptions): void {
  signals.destinationDisabled(destinationConfig.name, destination.disabled?.() !== undefined);
}

/** One pace for all streams: while the process takes events, a backlog of any of them leaves it time for that. */
function createRooms(
  { heldBytesMax, destination, log }: DeliveryWorkerOptions,
  isTaking: () => boolean,
  onFree: () => void,
) {
  const bytes = heldBytesOf(heldBytesMax);
  const pace = createBacklogPace(log);
  const wait = (pulled: number): number => (isTaking() ? pace(pulled) : 0);
  const room = (from: HeldFrom, messages: number): HeldRoom =>
    createHeldRoom({ messages, bytes: bytes[from] }, onFree, wait);
  return {
    EVENTS: room('EVENTS', destination.heldEventsMax ?? ackPendingMax),
    REPLAY: room('REPLAY', replayAckPendingMax),
    lane: room('lane', laneAckPendingMax),
    RETRY: room('RETRY', retriedMax),
    ASIDE: room('ASIDE', asideAckPendingMax),
  };
}

/** The parts between the queue and the destination. */
function createParts(options: DeliveryWorkerOptions, onDue: () => void) {
  const { destinationConfig: config, destination, log, signals } = options;
  const { name, retry } = config;
  const random = options.random ?? Math.random;
  const status = createWorkerStatus();
  const record = createAttemptRecord(name, log, signals);
  const store = (event: Omit<DelayedCopy, 'destination'>): Promise<void> =>
    storeDelayedCopy(log, { ...event, destination: name });
  const storeAside = (copy: Omit<AsideCopy, 'destination'>): Promise<void> =>
    storeAsideCopy(log, { ...copy, destination: name });
  const settler = createSettler({ ...options, config, record, random, store, storeAside });
  const queue = createLanes(destination.concurrency);
  const delayed = createDelayedEvents((held) => {
    queue.push(held);
    onDue();
  });
  const parking = new Parking<FailedAttempt>({
    intervals: options.probes ?? probeIntervals,
    // At least the number of calls that can run when an outage begins.
    failuresMax: Math.max(failuresMin, destination.concurrency),
    random,
    onChange: (parked, reason) => {
      status.change(parked ? 'parked' : 'running', reason);
      signals.destinationParked(name, parked, reason);
      if (parked) reportDisabled(options);
      else trouble.reset();
    },
    onReason: status.explain,
  });
  const own = { settler, record, parking, queue, delayed };
  const receiver = receiverOf(options);
  const calls = createCalls({ name, retry, destination: receiver, signals, random, ...own });
  // A paused destination takes nothing either.
  const isParked = (): boolean => parking.parked || options.pause?.() !== undefined;
  const aside = createAsideMoves({ queue, settler, isParked, onReturned: onDue });
  const isTaking = options.besideIntake === true ? log.isTaking : () => false;
  const trouble = watchTrouble(destination, (reason) =>
    signals.destinationParked(name, reason !== undefined, reason ?? ''),
  );
  const report = (): void => {
    if (parking.parked) reportDisabled(options);
    trouble.look(parking.parked);
  };
  const state = (): WorkerState =>
    status.state(parking.dueMs, destination.disabled?.(), options.pause?.(), trouble.current());
  return { settler, queue, parking, delayed, calls, status, aside, isTaking, report, state };
}

/** The destination, behind its transform if it has one. */
function receiverOf(options: DeliveryWorkerOptions): BatchReceiver {
  const { destination, transformer, log, signals } = options;
  if (transformer === undefined) return destination;
  const { name } = options.destinationConfig;
  return transformedDestination({
    name,
    destination,
    transformer,
    signals,
    recordFiltered: (positions) => recordFiltered(log, name, positions),
  });
}
