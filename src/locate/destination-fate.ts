import { compileWants } from '../reconciliation/snapshot.ts';
import type { WorkerState } from '../delivery/worker-state.ts';
import type { Destination } from '../destinations/destination.ts';
import type { DeliveryAttempt } from '../event/delivery-attempt.ts';
import type { EventFilter } from '../event/event-filter.ts';
import { positionAt, type ConsumerPosition } from '../jetstream/consume/consumer-position.ts';
import {
  isBeforeStart,
  readStart,
  type StartPosition,
} from '../jetstream/consume/start-position.ts';
import { readFiltered } from '../jetstream/filtered-events.ts';
import type { Log } from '../jetstream/log.ts';
import { askDestination, type HeldAtDestination } from './ask-destination.ts';
import { createLaneReader, type LaneCopy } from './lane-copy.ts';
import {
  createConsumerReader,
  createRelatedReader,
  readAttempts,
  type RelatedMessages,
} from './related-messages.ts';

/** A destination that may have received an event. */
export interface LocatedDestination {
  readonly name: string;
  /** Its filter in the configuration. */
  readonly filter: EventFilter;
  /** Undefined if no worker in this process delivers to it. */
  readonly stateOf: () => WorkerState | undefined;
  /** Undefined if it cannot report which events it holds. */
  readonly stored: Destination['stored'] | undefined;
}

/** An event of EVENTS. */
export interface LocatedEvent {
  readonly sequence: number;
  readonly subject: string;
  readonly eventName: string;
  readonly eventId: string;
  /** When the gate received the event, and when the log stored it: Unix times in ms. */
  readonly timestampMs: number;
  readonly storedAtMs: number;
}

export type FateKind =
  | 'waiting'
  | 'aside'
  | 'in work'
  | 'retrying'
  | 'delivered'
  | 'filtered'
  | 'before start'
  | 'dead'
  | 'discarded'
  | 'missing'
  | 'unknown';

/** Both are the same where the destination has recorded the time. */
export interface DeliveryRange {
  readonly after: number;
  /** Undefined if the log has no record of the acknowledgement any more. */
  readonly by: number | undefined;
}

export interface DeliveryFate {
  readonly kind: FateKind;
  /** How many events are ahead of a waiting event; else 0. */
  readonly ahead: number;
  readonly attempts: readonly DeliveryAttempt[];
  readonly nextAttemptMs: number | undefined;
  /** True if the destination reported whether it holds the event. */
  readonly asked: boolean;
  /** The earliest and the latest time of the delivery: Unix times in ms. */
  readonly deliveredMs: DeliveryRange | undefined;
  readonly worker: WorkerState | undefined;
  readonly related: RelatedMessages;
  /** Its copy in the lane of a redelivery, whatever came of it before. */
  readonly laneCopy: LaneCopy | undefined;
  /** Why the kind is `unknown`; else empty. */
  readonly reason: string;
}

/**
 * Determines the state of an event at one destination from the data that the log keeps anyway. It
 * first checks the states that the log proves: waiting, retrying, dead, discarded, filtered or too old. Any
 * other event was given to a worker. The destination is asked for it, if it can report which events
 * it holds; otherwise a settled event counts as delivered.
 */
export function createFateReader(
  log: Log,
  destination: LocatedDestination,
): (event: LocatedEvent) => Promise<DeliveryFate> {
  const consumer = createConsumerReader(log, destination.name);
  const readRelated = createRelatedReader(log, destination.name);
  const laneCopyOf = createLaneReader(log, destination.name);
  let found: Promise<StartPosition | undefined> | undefined;
  const start = () => (found ??= readStart(log, destination.name));
  let taken: Promise<ReadonlySet<number>> | undefined;
  const filtered = () => (taken ??= readFiltered(log, destination.name));
  let { stored } = destination;
  // If the destination does not answer once, do not ask it again.
  const ask = async (event: LocatedEvent): Promise<HeldAtDestination | undefined> => {
    const answer = stored === undefined ? undefined : await askDestination(stored, event);
    if (answer === undefined) stored = undefined;
    return answer;
  };
  return async (event) => {
    const { sequence } = event;
    // Read in the order in which events move, and each consumer before its messages.
    const consumers = await consumer.events();
    const asides = await consumer.on('ASIDE');
    const retries = await consumer.on('RETRY');
    const replays = await consumer.on('REPLAY');
    const events = positionAt(consumers, sequence);
    const related = await readRelated(event, { retries, asides });
    const positions = [{ stream: 'EVENTS', sequence }];
    if (related.replayed !== undefined)
      positions.push({ stream: 'REPLAY', sequence: related.replayed.sequence });
    const attempts = await readAttempts(log, destination.name, positions);
    const isEarlier = isBeforeStart(log, await start(), sequence);
    const isFiltered = (await filtered()).has(sequence);
    const evidence = { event, events, asides, replays, related, attempts, isEarlier, isFiltered };
    const fate: DeliveryFate = {
      kind: 'unknown',
      ahead: 0,
      attempts,
      nextAttemptMs: undefined,
      asked: false,
      deliveredMs: undefined,
      worker: destination.stateOf(),
      related,
      laneCopy: await laneCopyOf(sequence),
      reason: '',
    };
    const proven = provenFate(evidence, destination.filter);
    return { ...fate, ...(proven ?? (await fateAtWorker(evidence, ask))) };
  };
}

interface Evidence {
  readonly event: LocatedEvent;
  readonly events: ConsumerPosition | undefined;
  readonly asides: ConsumerPosition | undefined;
  readonly replays: ConsumerPosition | undefined;
  readonly related: RelatedMessages;
  readonly attempts: readonly DeliveryAttempt[];
  /** Whether it was stored before the destination started. */
  readonly isEarlier: boolean;
  /** Whether the destination's transform filtered it. */
  readonly isFiltered: boolean;
}

/** Undefined if the event was given to a worker and is neither waiting nor dead. */
function provenFate(
  { event, events, asides, replays, related, isEarlier, isFiltered }: Evidence,
  filter: EventFilter,
): Partial<DeliveryFate> | undefined {
  const { sequence, subject } = event;
  if (events === undefined) {
    return { kind: 'unknown', reason: 'no worker has ever started for this destination' };
  }
  const { deliveredUpTo, inWork } = events;
  if (sequence > deliveredUpTo) {
    return { kind: 'waiting', ahead: sequence - deliveredUpTo - 1 + inWork };
  }
  const { asideCopy, delayedCopy, replayed } = related;
  if (asideCopy !== undefined && asideCopy.sequence > (asides?.deliveredUpTo ?? 0)) {
    const ahead = asideCopy.sequence - (asides?.deliveredUpTo ?? 0) - 1 + (asides?.inWork ?? 0);
    return { kind: 'aside', ahead };
  }
  if (delayedCopy !== undefined && !delayedCopy.settled) {
    return { kind: 'retrying', nextAttemptMs: delayedCopy.dueMs };
  }
  if (replayed !== undefined && replayed.sequence > (replays?.deliveredUpTo ?? 0)) {
    return { kind: 'waiting', ahead: replays?.inWork ?? 0 };
  }
  if (related.dead !== undefined) return { kind: 'dead' };
  // A replay is always younger than an earlier discard.
  if (related.discarded !== undefined && replayed === undefined) return { kind: 'discarded' };
  const wants = compileWants([events], filter);
  if (replayed !== undefined) return undefined;
  if (isFiltered || !wants(sequence, subject)) return { kind: 'filtered' };
  return isEarlier ? { kind: 'before start' } : undefined;
}

async function fateAtWorker(
  evidence: Evidence,
  ask: (event: LocatedEvent) => Promise<HeldAtDestination | undefined>,
): Promise<Partial<DeliveryFate>> {
  const { event, related, attempts } = evidence;
  const { sequence, position } = lastConsumer(evidence);
  const inWork = position.inWork > 0 && sequence > position.settledUpTo;
  const answer = await ask(event);
  const held = answer?.held;
  const asked = answer !== undefined;
  if (held === true || (!inWork && held === undefined && !related.cut)) {
    const recorded = answer?.deliveredAtMs;
    const deliveredMs =
      recorded === undefined
        ? rangeOf(earliestDeliveryMs(evidence), position.settledByMs(sequence))
        : { after: recorded, by: recorded };
    return { kind: 'delivered', asked, deliveredMs };
  }
  if (inWork) return { kind: attempts.length > 0 ? 'retrying' : 'in work', asked };
  if (held === false && !related.cut) return { kind: 'missing', asked };
  const reason =
    'it was settled, but too many entries follow it to find the outcome; see headgate reconcile';
  return { kind: 'unknown', asked, reason };
}

function rangeOf(after: number, by: number | undefined): DeliveryRange {
  // The clocks of the gate and of NATS may differ.
  return { after: Math.min(after, by ?? after), by };
}

/** Which consumer settles the event last, and where. */
function lastConsumer({ event, events, asides, replays, related }: Evidence): {
  readonly sequence: number;
  readonly position: ConsumerPosition;
} {
  const { replayed, asideCopy } = related;
  if (replayed !== undefined) return { sequence: replayed.sequence, position: replays! };
  if (asideCopy !== undefined && asides !== undefined) {
    return { sequence: asideCopy.sequence, position: asides };
  }
  return { sequence: event.sequence, position: events! };
}

/** The earliest time of a delivery: after the event was stored and its last attempt failed. */
function earliestDeliveryMs({ event, related, attempts }: Evidence): number {
  const last = attempts.at(-1);
  const failedMs = last === undefined ? 0 : Date.parse(last.startedAt) + last.durationMs;
  return Math.max(event.storedAtMs, related.replayed?.storedAtMs ?? 0, failedMs);
}
