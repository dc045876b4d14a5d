import { compileEventFilter, type EventFilter } from '../event/event-filter.ts';
import { readConsumerPosition } from '../jetstream/consume/consumer-position.ts';
import type { FilterEra } from '../jetstream/consume/filter-history.ts';
import type { Log } from '../jetstream/log.ts';
import { readMatching } from '../jetstream/read/read.ts';
import { originOfDelayedCopy } from '../jetstream/consume/delayed-copies.ts';
import { subjects } from '../jetstream/topology.ts';

/** What became of an event, as far as it is known for certain. */
export type EventFate = 'waiting' | 'dead' | 'discarded';

/**
 * Events of which some are in work: the log tells how many, and not which.
 */
export interface InWork {
  has(sequence: number): boolean;
  /** How many of them wait. */
  readonly count: number;
}

/** Says of an event whether its destination wanted it all the time since it was first handed out. */
export type Wants = (sequence: number, subject: string) => boolean;

/** How it stands with one destination, by the places of events in EVENTS. */
export interface DestinationSnapshot {
  fateOf(sequence: number): EventFate | undefined;
  readonly inWork: readonly InWork[];
  readonly wants: Wants;
}

/**
 * Reads how it stands with a destination.
 *
 * In the order in which events go: EVENTS, RETRY, DEAD, REPLAY, and in each its consumer first. What
 * leaves one is stored in the next before it is settled, so what is settled by the time a consumer
 * is asked is found further on, or is delivered. An event that is replayed and then set aside while
 * this is read may be missed: whoever finds it nowhere looks a second time.
 */
export async function takeSnapshot(
  log: Log,
  { name: destination, filter }: { readonly name: string; readonly filter: EventFilter },
  fromSequence: number,
): Promise<DestinationSnapshot> {
  const fates = new Map<number, EventFate>();
  const events = await readConsumerPosition(log, 'EVENTS', destination);
  const deliveredUpTo = events?.deliveredUpTo ?? 0;
  const settledUpTo = events?.settledUpTo ?? 0;

  const delayedCopy = await readDelayedCopies(log, destination, fates);
  for (const [subject, fate] of [
    [subjects.discarded(destination, '*'), 'discarded'],
    [subjects.dead(destination, '*'), 'dead'],
  ] as const) {
    for await (const message of readMatching(log, 'DEAD', subject)) {
      const sequence = Number(message.header(originHeader));
      // What waits again has not died for good.
      if (sequence >= fromSequence && fates.get(sequence) !== 'waiting') fates.set(sequence, fate);
    }
  }
  const replayed = await readReplayed(log, destination, fates);
  return {
    wants: compileEras(events?.filterEras() ?? [], filter),
    fateOf: (sequence) => fates.get(sequence) ?? (sequence > deliveredUpTo ? 'waiting' : undefined),
    inWork: [
      {
        has: (sequence) => sequence > settledUpTo && sequence <= deliveredUpTo,
        count: events?.inWork ?? 0,
      },
      delayedCopy,
      replayed,
    ],
  };
}

/**
 * `now` is what the configuration says, for a destination that has not written down anything. What
 * waited when its filter changed was validated again by the next one, so each since then has to want it.
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

/** Of dead letters and replays: the place in EVENTS that the event first had. */
const originHeader = 'Headgate-Origin-Sequence';

/** The certain ones go to `fates`: those that were not handed out, or whose time has not come. */
async function readDelayedCopies(
  log: Log,
  destination: string,
  fates: Map<number, EventFate>,
): Promise<InWork> {
  const position = await readConsumerPosition(log, 'RETRY', destination);
  const nowMs = Date.now();
  const last = new Map<number, number>();
  if (position !== undefined) {
    const from = position.settledUpTo + 1;
    for await (const message of readMatching(
      log,
      'RETRY',
      subjects.retry(destination, '*'),
      from,
    )) {
      const { sequence, dueMs } = originOfDelayedCopy(message);
      const waits = message.sequence > position.deliveredUpTo || dueMs > nowMs;
      // An event may have been set aside more than once; the last time counts.
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
  const count = (position?.inWork ?? 0) + (position?.waiting ?? 0) - certain;
  return { has: (sequence) => last.has(sequence), count: Math.max(0, count) };
}

async function readReplayed(
  log: Log,
  destination: string,
  fates: Map<number, EventFate>,
): Promise<InWork> {
  const position = await readConsumerPosition(log, 'REPLAY', destination);
  const some = new Set<number>();
  const from = (position?.settledUpTo ?? 0) + 1;
  for await (const message of readMatching(
    log,
    'REPLAY',
    subjects.replay(destination, '*'),
    from,
  )) {
    const sequence = Number(message.header(originHeader));
    if (message.sequence > (position?.deliveredUpTo ?? 0)) fates.set(sequence, 'waiting');
    else if (fates.get(sequence) === undefined) some.add(sequence);
  }
  return { has: (sequence) => some.has(sequence), count: position?.inWork ?? 0 };
}
