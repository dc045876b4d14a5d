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
  createTraceReader,
  readAttempts,
  type TracesLeft,
} from './related-messages.ts';

/** A destination that events are looked for at. */
export interface LocatedDestination {
  readonly name: string;
  /** What it wants by the configuration. */
  readonly filter: EventFilter;
  /** Undefined: its worker is in no hands of this process. */
  readonly stateOf: () => WorkerState | undefined;
  /** Undefined: it cannot be asked. */
  readonly stored: Destination['stored'] | undefined;
}

/** An event of EVENTS. */
export interface PlacedEvent {
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
  /** Of one that was delivered: the earliest and the latest that it can have been. */
  readonly deliveredMs: readonly [after: number, by: number] | undefined;
  readonly worker: WorkerState | undefined;
  readonly left: TracesLeft;
  /** Why it is unknown. */
  readonly reason: string;
}

/**
 * Says of an event what became of it at one destination, by what the log knows anyway: nothing is
 * written for this. What is certain comes first: it was not handed out yet, waits for another attempt,
 * is dead, discarded, or was not wanted. All else has been handed out; below the ack floor it is
 * settled, so delivered, and above it the destination itself is asked where it can be.
 */
export function createFateReader(
  log: Log,
  destination: LocatedDestination,
): (event: PlacedEvent) => Promise<DeliveryFate> {
  const consumer = createConsumerReader(log, destination.name);
  const traces = createTraceReader(log, destination.name);
  let { stored } = destination;
  // One that does not answer is not waited for again.
  const ask = async (event: PlacedEvent): Promise<boolean | undefined> => {
    const held = stored === undefined ? undefined : await askDestination(stored, event);
    if (held === undefined) stored = undefined;
    return held;
  };
  return async (event) => {
    const { sequence } = event;
    // In the order in which events go, and each consumer before what it hands out.
    const events = await consumer('EVENTS');
    const retries = await consumer('RETRY');
    const replays = await consumer('REPLAY');
    const left = await traces(event, retries);
    const places = [{ stream: 'EVENTS', sequence }];
    if (left.replayed !== undefined)
      places.push({ stream: 'REPLAY', sequence: left.replayed.sequence });
    const attempts = await readAttempts(log, destination.name, places);
    const known = { event, events, replays, left, attempts };
    const fate: DeliveryFate = {
      kind: 'unknown',
      ahead: 0,
      attempts,
      nextAttemptMs: undefined,
      asked: false,
      deliveredMs: undefined,
      worker: destination.stateOf(),
      left,
      reason: '',
    };
    const certain = certainOf(known, destination.filter);
    return { ...fate, ...(certain ?? (await settledOf(known, ask))) };
  };
}

interface Known {
  readonly event: PlacedEvent;
  readonly events: ConsumerPosition | undefined;
  readonly replays: ConsumerPosition | undefined;
  readonly left: TracesLeft;
  readonly attempts: readonly DeliveryAttempt[];
}

/** Undefined: it was handed out, and is neither waiting nor dead. */
function certainOf(
  { event, events, replays, left }: Known,
  filter: EventFilter,
): Partial<DeliveryFate> | undefined {
  const { sequence, subject } = event;
  if (events === undefined) {
    return { kind: 'unknown', reason: 'no worker has made a place for it in the log yet' };
  }
  const { deliveredUpTo, inWork } = events;
  if (sequence > deliveredUpTo) {
    return { kind: 'waiting', ahead: sequence - deliveredUpTo - 1 + inWork };
  }
  const { delayedCopy, replayed } = left;
  if (delayedCopy !== undefined && !delayedCopy.settled) {
    return { kind: 'retrying', nextAttemptMs: delayedCopy.dueMs };
  }
  if (replayed !== undefined && replayed.sequence > (replays?.deliveredUpTo ?? 0)) {
    return { kind: 'waiting', ahead: replays?.inWork ?? 0 };
  }
  if (left.dead !== undefined) return { kind: 'dead' };
  // A replay is younger than what was discarded before it, and never the other way round.
  if (left.discarded !== undefined && replayed === undefined) return { kind: 'discarded' };
  const wants = compileEras(events.filterEras(), filter);
  return replayed === undefined && !wants(sequence, subject) ? { kind: 'filtered' } : undefined;
}

async function settledOf(
  known: Known,
  ask: (event: PlacedEvent) => Promise<boolean | undefined>,
): Promise<Partial<DeliveryFate>> {
  const { event, events, replays, left, attempts } = known;
  const sequence = left.replayed?.sequence ?? event.sequence;
  const position = (left.replayed === undefined ? events : replays)!;
  const inWork = position.inWork > 0 && sequence > position.settledUpTo;
  const held = await ask(event);
  const asked = held !== undefined;
  if (held === true || (!inWork && held === undefined && !left.cut)) {
    const by = position.settledByMs(sequence) ?? Date.now();
    return { kind: 'delivered', asked, deliveredMs: [Math.min(earliestOf(known), by), by] };
  }
  if (inWork) return { kind: attempts.length > 0 ? 'retrying' : 'in work', asked };
  if (held === false && !left.cut) return { kind: 'missing', asked };
  const reason =
    'it was settled, and too many entries came after it to say how; see headgate reconcile';
  return { kind: 'unknown', asked, reason };
}

/** Not before it was stored, nor before an attempt at it that failed. */
function earliestOf({ event, left, attempts }: Known): number {
  const last = attempts.at(-1);
  const failedMs = last === undefined ? 0 : Date.parse(last.startedAt) + last.durationMs;
  return Math.max(event.storedAtMs, left.replayed?.storedAtMs ?? 0, failedMs);
}
