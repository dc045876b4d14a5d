import { compileEventFilter, type EventFilter } from '../event/event-filter.ts';
import {
  positionAt,
  readConsumerPosition,
  readEventPositions,
  type ConsumerPosition,
} from '../jetstream/consume/consumer-position.ts';
import { originOfAsideCopy } from '../jetstream/consume/aside/aside-copies.ts';
import { isBeforeStart, readStart } from '../jetstream/consume/start-position.ts';
import { readLanePosition } from '../jetstream/consume/lane/lane-consumer.ts';
import type { FilterEra } from '../jetstream/consume/filter-history.ts';
import { readFiltered } from '../jetstream/filtered-events.ts';
import { compileRanges, type EventRanges } from '../jetstream/events/event-ranges.ts';
import type { Log } from '../jetstream/log.ts';
import { readMatching } from '../jetstream/read/read.ts';
import { originHeader, originOfDelayedCopy } from '../jetstream/consume/delayed-copies.ts';
import { anyName, subjects } from '../jetstream/topology.ts';

/** The state of an event, if it is certain. */
export type EventFate = 'waiting' | 'dead' | 'discarded';

/** Events that may be in progress: the log knows how many are, but not which. */
export interface InWork {
  has(sequence: number): boolean;
  /** How many of these events wait. */
  readonly count: number;
}

/** Whether every filter of the destination since the event's first delivery included it. */
export type Wants = (sequence: number, subject: string) => boolean;

/** The status of one destination's events, by their positions in EVENTS. */
export interface DestinationSnapshot {
  fateOf(sequence: number): EventFate | undefined;
  readonly inWork: readonly InWork[];
  readonly wants: Wants;
  /** Whether the destination's transform filtered the event. */
  readonly wasFiltered: (sequence: number) => boolean;
  /** Whether the event is older than the start of the destination. */
  readonly isBeforeStart: (sequence: number) => boolean;
}

/**
 * Reads the status of a destination's events.
 *
 * Reads in the order in which events move: EVENTS, ASIDE, RETRY, DEAD, REPLAY, and the consumer of each
 * stream first. An event is stored in the next stream before it is settled in the previous one, so
 * a settled event is found in a later stream or was delivered. An event that is replayed and then
 * delayed during the read may be missed: the caller checks missing events a second time.
 *
 * `ranges` are those of the events that are asked for, `deadFrom` is the position in DEAD from which
 * its entries are read.
 */
export async function takeSnapshot(
  log: Log,
  { name: destination, filter }: { readonly name: string; readonly filter: EventFilter },
  ranges: EventRanges,
  deadFrom = 1,
): Promise<DestinationSnapshot> {
  const fates = new Map<number, EventFate>();
  const isAskedFor = compileRanges(ranges);
  const events = await readEventPositions(log, destination);
  const start = await readStart(log, destination);

  const aside = await readAsideCopies(log, destination, isAskedFor);
  const delayedCopy = await readDelayedCopies(log, destination, fates);
  for (const [subject, fate] of [
    [subjects.discarded(destination, anyName), 'discarded'],
    [subjects.dead(destination, anyName), 'dead'],
  ] as const) {
    for await (const message of readMatching(log, 'DEAD', subject, deadFrom)) {
      const sequence = Number(message.header(originHeader));
      // A replayed event that waits again is no longer dead.
      if (isAskedFor(sequence) && fates.get(sequence) !== 'waiting') fates.set(sequence, fate);
    }
  }
  const replayed = await readReplayed(log, destination, fates);
  const filtered = await readFiltered(log, destination, ranges);
  const redelivered = await readRedelivered(log, destination, fates);
  return {
    wants: compileWants(events, filter),
    wasFiltered: (sequence) => filtered.has(sequence),
    isBeforeStart: (sequence) => isBeforeStart(log, start, sequence),
    fateOf: (sequence) => {
      const deliveredUpTo = positionAt(events, sequence)?.deliveredUpTo ?? 0;
      const fate = fates.get(sequence);
      if (fate !== undefined) return fate;
      return sequence > deliveredUpTo || aside.waits(sequence) ? 'waiting' : undefined;
    },
    inWork: [
      ...events.map((one) => inWorkOf(one, events)),
      aside,
      delayedCopy,
      replayed,
      redelivered,
    ],
  };
}

/** The events that one consumer on EVENTS has delivered and not settled. */
function inWorkOf(one: ConsumerPosition, all: readonly ConsumerPosition[]): InWork {
  return {
    has: (sequence) =>
      sequence > one.settledUpTo &&
      sequence <= one.deliveredUpTo &&
      positionAt(all, sequence) === one,
    count: one.inWork,
  };
}

/** The filters that applied to an event are those of the consumer that delivers it. */
export function compileWants(events: readonly ConsumerPosition[], filter: EventFilter): Wants {
  const byConsumer = new Map(events.map((one) => [one, compileEras(one.filterEras(), filter)]));
  const byConfiguration = compileEras([], filter);
  return (sequence, subject) => {
    const consumer = positionAt(events, sequence);
    const wants = consumer === undefined ? byConfiguration : byConsumer.get(consumer)!;
    return wants(sequence, subject);
  };
}

/**
 * `now` is the filter of the configuration, used for a destination without recorded filters. Events
 * that waited when the filter changed were filtered again by the next filter, so every filter since
 * then must include them.
 */
export function compileEras(eras: readonly FilterEra[], now: EventFilter): Wants {
  const filters = (eras.length === 0 ? [{ ...now, from: 1 }] : eras).map((era) => ({
    from: era.from,
    wants: compileEventFilter(era),
  }));
  return (sequence, subject) => {
    for (let at = filters.length - 1; at >= 0; at -= 1) {
      const { from, wants } = filters[at]!;
      if (!wants(subject)) return false;
      if (from <= sequence) return true;
    }
    return true;
  };
}

/** Events in ASIDE: `waits` for those that no worker has yet. */
interface AsideEvents extends InWork {
  waits(sequence: number): boolean;
}

/** There may be millions, so that only their positions are kept: 8 bytes each. */
async function readAsideCopies(
  log: Log,
  destination: string,
  isAskedFor: (position: number) => boolean,
): Promise<AsideEvents> {
  const position = await readConsumerPosition(log, 'ASIDE', destination);
  if (position === undefined) {
    return { waits: () => false, has: () => false, count: 0 };
  }
  const some = new Set<number>();
  let waiting = new Float64Array(1_024);
  let length = 0;
  const from = position.settledUpTo + 1;
  for await (const message of readMatching(log, 'ASIDE', subjects.asideOf(destination), from)) {
    const sequence = originOfAsideCopy(message);
    if (!isAskedFor(sequence)) continue;
    if (message.sequence <= position.deliveredUpTo) {
      some.add(sequence);
      continue;
    }
    if (length === waiting.length) {
      const larger = new Float64Array(length * 2);
      larger.set(waiting);
      waiting = larger;
    }
    waiting[length] = sequence;
    length += 1;
  }
  const sorted = waiting.subarray(0, length).sort();
  return {
    waits: (sequence) => includesSorted(sorted, sequence),
    has: (sequence) => some.has(sequence),
    count: position.inWork,
  };
}

function includesSorted(sorted: Float64Array, value: number): boolean {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === value;
}

/** Adds the certain events to `fates`: copies that were not delivered yet or are not due. */
async function readDelayedCopies(
  log: Log,
  destination: string,
  fates: Map<number, EventFate>,
): Promise<InWork> {
  const position = await readConsumerPosition(log, 'RETRY', destination);
  const nowMs = Date.now();
  const last = new Map<number, number>();
  /** Not by the count of the consumer, which may be late. */
  let undelivered = 0;
  if (position !== undefined) {
    const from = position.settledUpTo + 1;
    for await (const message of readMatching(
      log,
      'RETRY',
      subjects.retry(destination, anyName),
      from,
    )) {
      const { sequence, dueMs } = originOfDelayedCopy(message);
      const isUndelivered = message.sequence > position.deliveredUpTo;
      if (isUndelivered) undelivered += 1;
      const waits = isUndelivered || dueMs > nowMs;
      // An event may have been delayed more than once; its latest copy counts.
      last.set(sequence, waits ? dueMs : 0);
    }
  }
  let certain = 0;
  for (const [sequence, dueMs] of last) {
    if (dueMs === 0) continue;
    fates.set(sequence, 'waiting');
    last.delete(sequence);
    certain += 1;
  }
  const count = (position?.inWork ?? 0) + undelivered - certain;
  return { has: (sequence) => last.has(sequence), count: Math.max(0, count) };
}

async function readReplayed(
  log: Log,
  destination: string,
  fates: Map<number, EventFate>,
): Promise<InWork> {
  const position = await readConsumerPosition(log, 'REPLAY', destination);
  return readReplayedBy(log, position, subjects.replay(destination, anyName), fates);
}

/** The same for the copies of a redelivery, which exist while it runs. */
async function readRedelivered(
  log: Log,
  destination: string,
  fates: Map<number, EventFate>,
): Promise<InWork> {
  const position = await readLanePosition(log, destination);
  if (position === undefined) return { has: () => false, count: 0 };
  return readReplayedBy(log, position, subjects.redelivery(destination, anyName), fates);
}

async function readReplayedBy(
  log: Log,
  position: ConsumerPosition | undefined,
  subject: string,
  fates: Map<number, EventFate>,
): Promise<InWork> {
  const some = new Set<number>();
  const from = (position?.settledUpTo ?? 0) + 1;
  for await (const message of readMatching(log, 'REPLAY', subject, from)) {
    const sequence = Number(message.header(originHeader));
    if (message.sequence > (position?.deliveredUpTo ?? 0)) fates.set(sequence, 'waiting');
    else if (fates.get(sequence) === undefined) some.add(sequence);
  }
  return { has: (sequence) => some.has(sequence), count: position?.inWork ?? 0 };
}
