import { compileEras } from '../reconciliation/snapshot.ts';
import type { WorkerState } from '../delivery/worker-state.ts';
import type { Destination } from '../destinations/destination.ts';
import type { DeliveryAttempt } from '../event/delivery-attempt.ts';
import type { EventFilter } from '../event/event-filter.ts';
import type { ConsumerPosition } from '../jetstream/consume/consumer-position.ts';
import type { Log } from '../jetstream/log.ts';
import { askDestination } from './ask-destination.ts';
import {
  createConsumerReader,
  createRelatedReader,
  readAttempts,
  type RelatedMessages,
} from './related-messages.ts';

/** A destination at which an event may be. */
export interface LocatedDestination {
  readonly name: string;
  /** Its filter in the configuration. */
  readonly filter: EventFilter;
  /** Undefined: no worker in this process delivers to it. */
  readonly stateOf: () => WorkerState | undefined;
  /** Undefined: it cannot report what it holds. */
  readonly stored: Destination['stored'] | undefined;
}

/** An event of EVENTS. */
export interface LocatedEvent {
  readonly sequence: number;
  readonly subject: string;
  readonly eventName: string;
  readonly eventId: string;
  /** The server's clock, and the log's. */
  readonly timestampMs: number;
  readonly storedAtMs: number;
}

export type FateKind =
  | 'waiting'
  | 'in work'
  | 'retrying'
  | 'delivered'
  | 'filtered'
  | 'dead'
  | 'discarded'
  | 'missing'
  | 'unknown';

export interface DeliveryFate {
  readonly kind: FateKind;
  readonly ahead: number;
  readonly attempts: readonly DeliveryAttempt[];
  readonly nextAttemptMs: number | undefined;
  readonly asked: boolean;
  /** When a delivered event can have been delivered, at the earliest and at the latest. */
  readonly deliveredMs: readonly [after: number, by: number] | undefined;
  readonly worker: WorkerState | undefined;
  readonly related: RelatedMessages;
  /** Why it is unknown. */
  readonly reason: string;
}

/**
 * Finds out what became of an event at one destination, from what the log keeps anyway. What is certain
 * comes first: the event was not delivered yet, waits for another attempt, is dead, discarded, or was
 * not wanted. All others were given to a worker: up to the ack floor they are settled, and so
 * delivered; above it the destination itself is asked, if it can report what it holds.
 */
export function createFateReader(
  log: Log,
  destination: LocatedDestination,
): (event: LocatedEvent) => Promise<DeliveryFate> {
  const consumer = createConsumerReader(log, destination.name);
  const readRelated = createRelatedReader(log, destination.name);
  let { stored } = destination;
  // One that does not answer is not waited for again.
  const ask = async (event: LocatedEvent): Promise<boolean | undefined> => {
    const held = stored === undefined ? undefined : await askDestination(stored, event);
    if (held === undefined) stored = undefined;
    return held;
  };
  return async (event) => {
    const { sequence } = event;
    // In the order in which events move, and each consumer before the messages that it delivers.
    const events = await consumer('EVENTS');
    const retries = await consumer('RETRY');
    const replays = await consumer('REPLAY');
    const related = await readRelated(event, retries);
    const positions = [{ stream: 'EVENTS', sequence }];
    if (related.replayed !== undefined)
      positions.push({ stream: 'REPLAY', sequence: related.replayed.sequence });
    const attempts = await readAttempts(log, destination.name, positions);
    const known = { event, events, replays, related, attempts };
    const fate: DeliveryFate = {
      kind: 'unknown',
      ahead: 0,
      attempts,
      nextAttemptMs: undefined,
      asked: false,
      deliveredMs: undefined,
      worker: destination.stateOf(),
      related,
      reason: '',
    };
    const certain = certainOf(known, destination.filter);
    return { ...fate, ...(certain ?? (await settledOf(known, ask))) };
  };
}

interface Known {
  readonly event: LocatedEvent;
  readonly events: ConsumerPosition | undefined;
  readonly replays: ConsumerPosition | undefined;
  readonly related: RelatedMessages;
  readonly attempts: readonly DeliveryAttempt[];
}

/** Undefined: the event was given to a worker, and is neither waiting nor dead. */
function certainOf(
  { event, events, replays, related }: Known,
  filter: EventFilter,
): Partial<DeliveryFate> | undefined {
  const { sequence, subject } = event;
  if (events === undefined) {
    return { kind: 'unknown', reason: 'no worker of this destination was ever started' };
  }
  const { deliveredUpTo, inWork } = events;
  if (sequence > deliveredUpTo) {
    return { kind: 'waiting', ahead: sequence - deliveredUpTo - 1 + inWork };
  }
  const { delayedCopy, replayed } = related;
  if (delayedCopy !== undefined && !delayedCopy.settled) {
    return { kind: 'retrying', nextAttemptMs: delayedCopy.dueMs };
  }
  if (replayed !== undefined && replayed.sequence > (replays?.deliveredUpTo ?? 0)) {
    return { kind: 'waiting', ahead: replays?.inWork ?? 0 };
  }
  if (related.dead !== undefined) return { kind: 'dead' };
  // A replay is younger than what was discarded before it, and never the other way round.
  if (related.discarded !== undefined && replayed === undefined) return { kind: 'discarded' };
  const wants = compileEras(events.filterEras(), filter);
  return replayed === undefined && !wants(sequence, subject) ? { kind: 'filtered' } : undefined;
}

async function settledOf(
  known: Known,
  ask: (event: LocatedEvent) => Promise<boolean | undefined>,
): Promise<Partial<DeliveryFate>> {
  const { event, events, replays, related, attempts } = known;
  const sequence = related.replayed?.sequence ?? event.sequence;
  const position = (related.replayed === undefined ? events : replays)!;
  const inWork = position.inWork > 0 && sequence > position.settledUpTo;
  const held = await ask(event);
  const asked = held !== undefined;
  if (held === true || (!inWork && held === undefined && !related.cut)) {
    const by = position.settledByMs(sequence) ?? Date.now();
    return { kind: 'delivered', asked, deliveredMs: [Math.min(earliestOf(known), by), by] };
  }
  if (inWork) return { kind: attempts.length > 0 ? 'retrying' : 'in work', asked };
  if (held === false && !related.cut) return { kind: 'missing', asked };
  const reason =
    'it was settled, and too many entries came after it to say how; see headgate reconcile';
  return { kind: 'unknown', asked, reason };
}

/** After it was stored, and after its last failed attempt. */
function earliestOf({ event, related, attempts }: Known): number {
  const last = attempts.at(-1);
  const failedMs = last === undefined ? 0 : Date.parse(last.startedAt) + last.durationMs;
  return Math.max(event.storedAtMs, related.replayed?.storedAtMs ?? 0, failedMs);
}
