import { nameOfGlob } from '../event/glob.ts';
import { compileEventFilter } from '../event/event-filter.ts';
import { compilePerson } from '../event/stored-event.ts';
import { positionAt, readEventPositions } from '../jetstream/consume/consumer-position.ts';
import { partitionOf, sequenceIn } from '../jetstream/events/event-position.ts';
import {
  allRead,
  createReadPositions,
  type EventRanges,
} from '../jetstream/events/event-ranges.ts';
import { lengthOf } from '../jetstream/events/ranges.ts';
import type { Log } from '../jetstream/log.ts';
import { readMessage, type StoredMessage } from '../jetstream/read/read.ts';
import { createPaceKeeper } from '../jetstream/read/pace-keeper.ts';
import { findRanges, oldestStoredAtMs, readInOrder } from '../jetstream/read/read-ranges.ts';
import { isBesideProducers, wholeStream } from '../jetstream/read/whole-reads.ts';
import { anyName, subjects } from '../jetstream/topology.ts';
import type { AuditedDestination } from '../reconciliation/audit.ts';
import { confirmRanges, firstDead } from '../reconciliation/confirm-range.ts';
import { takeSnapshot } from '../reconciliation/snapshot.ts';
import { pause } from './pace.ts';

/** The events that a person wants to send again. Empty fields select all. */
export interface Selection {
  /** Stored at this time or later: a Unix time in ms; 0: from the beginning of the log. */
  readonly sinceMs: number;
  /** Stored before this time; Infinity: up to now. */
  readonly untilMs: number;
  /** A name, or a pattern with `*`. */
  readonly eventName: string;
  /** The same for the source. */
  readonly source: string;
  /** A user id or an anonymous id. */
  readonly user: string;
  /** Only events that the destination should hold and does not. */
  readonly missing: boolean;
}

/** A part of the selection. */
export interface SelectedPage {
  /** What of the ranges was not read yet. */
  readonly rest: EventRanges;
  /** How many events were read for it. */
  readonly read: number;
  readonly events: readonly StoredMessage[];
  /** Selected events that are not to be sent. */
  readonly leftOut: LeftOut;
}

/** Events that are left out: they still wait, or are dead letters. */
export interface LeftOut {
  readonly waiting: number;
  readonly dead: number;
}

/** Where a selection lies in the log. */
export interface SelectedRange {
  readonly ranges: EventRanges;
  /** When the oldest event of the log was stored; undefined if the log is empty. */
  readonly oldestMs: number | undefined;
  /** Whether the selection reaches back to events that the log has deleted. */
  readonly isCut: boolean;
}

/** Finds where a selection lies now. Rejects when the log cannot be reached. */
export async function findRange(log: Log, { sinceMs, untilMs }: Selection): Promise<SelectedRange> {
  const held = await findRanges(log, 'EVENTS');
  const oldestMs = await oldestStoredAtMs(log, held);
  // Positions of deleted events are not used again, nor are numbers of partitions left out.
  const partitions = new Set(held.map(({ from }) => partitionOf(from)));
  const hasDeleted =
    held.some(({ from }) => sequenceIn(from) > 1) || Math.max(...partitions) >= partitions.size;
  return {
    ranges: await findRanges(log, 'EVENTS', { sinceMs, untilMs }),
    oldestMs,
    isCut: hasDeleted && sinceMs < (oldestMs ?? Number.POSITIVE_INFINITY),
  };
}

export interface SelectOptions {
  readonly log: Log;
  readonly destination: AuditedDestination;
  readonly selection: Selection;
  readonly ranges: EventRanges;
  readonly signal: AbortSignal;
  /** For `missing`: how many events the destination is asked for at once. */
  readonly askedEventsMax?: number;
  readonly secondLookMs?: number;
}

/** The limits of a page: the first that is reached ends it. */
const pageEventsMax = 512;
const pageBytesMax = 2 * 1024 * 1024;
const pageReadMax = 5_000;
/** Beside producers readers are slow, and who reads pages looks up between two of them. */
const pageMsMax = 1_000;
/** About 6 MB, and one query of the destination. */
const askedEventsMaxDefault = 50_000;
const secondLookMsDefault = 1_000;

/**
 * Reads the selected events that the destination's filter lets through, the oldest first. It
 * leaves out what comes to the destination without it: events that were not settled when the
 * reading began, and dead letters, which people replay. Events from before the destination's start
 * were never for it.
 *
 * Rejects when the log cannot be reached, or, for `missing`, when the destination does not answer.
 */
export function selectEvents(options: SelectOptions): AsyncGenerator<SelectedPage> {
  return options.selection.missing ? selectMissing(options) : selectDelivered(options);
}

async function* selectDelivered(options: SelectOptions): AsyncGenerator<SelectedPage> {
  const { log, destination, selection, ranges, signal } = options;
  const matches = compileSelection(options);
  const whyNot = await readReasons(log, destination, ranges);
  const isBeside = isBesideProducers(log);
  // Beside producers events of all names are read, which `matches` looks through.
  const subject = isBeside ? wholeStream : subjectOf(selection);
  const read = createReadPositions();
  // Only then: without producers the copies that a redelivery stores would count as theirs.
  const pace = isBeside ? createPaceKeeper(log) : undefined;
  let page = newPage();
  try {
    for await (const message of readInOrder(log, 'EVENTS', [subject], ranges)) {
      signal.throwIfAborted();
      page.read += 1;
      read.pass(message.sequence);
      if (matches(message)) {
        const reason = whyNot(message.sequence);
        if (reason !== undefined) page.leftOut[reason] += 1;
        else {
          page.events.push(message);
          page.bytes += message.payload.length;
        }
      }
      const waitMs = pace?.read(message.payload.length) ?? 0;
      if (waitMs > 0) await pause(waitMs, signal);
      if (isFull(page)) {
        yield { ...page, rest: read.restOf(ranges) };
        page = newPage();
      }
    }
  } finally {
    pace?.end();
  }
  yield { ...page, rest: allRead(ranges) };
}

async function* selectMissing(options: SelectOptions): AsyncGenerator<SelectedPage> {
  const { log, destination, signal } = options;
  const matches = compileSelection(options);
  let { ranges } = options;
  while (lengthOf(ranges) > 0) {
    const checked = await confirmRanges({
      log,
      destination,
      ranges,
      eventsMax: options.askedEventsMax ?? askedEventsMaxDefault,
      secondLookMs: options.secondLookMs ?? secondLookMsDefault,
      signal,
    });
    const read = createReadPositions();
    let page = newPage();
    for (const position of checked.missing) {
      read.pass(position);
      const message = await readMessage(log, 'EVENTS', position);
      if (message === undefined || !matches(message)) continue;
      page.events.push(message);
      page.bytes += message.payload.length;
      if (!isFull(page)) continue;
      yield { ...page, rest: read.restOf(ranges) };
      page = newPage();
    }
    yield { ...page, rest: checked.rest, read: checked.events };
    ranges = checked.rest;
  }
}

function newPage() {
  const events: StoredMessage[] = [];
  return {
    read: 0,
    events,
    bytes: 0,
    leftOut: { waiting: 0, dead: 0 },
    endsMs: performance.now() + pageMsMax,
  };
}

function isFull({ events, bytes, read, endsMs }: ReturnType<typeof newPage>): boolean {
  if (events.length >= pageEventsMax || bytes >= pageBytesMax || read >= pageReadMax) return true;
  return performance.now() >= endsMs;
}

/** Exact names are read by their subject, patterns by reading everything; beside producers all are read (ADR 65). */
function subjectOf({ eventName, source }: Selection): string {
  const sourceToken = source === '' || source.includes('*') ? '*' : source;
  const name = eventName === '' ? undefined : nameOfGlob(eventName);
  return subjects.eventsOf(sourceToken, name ?? anyName);
}

/** Whether an event is selected, and let through by the filter of the destination. */
export function compileSelection({
  destination,
  selection,
}: {
  readonly destination: Pick<AuditedDestination, 'filter'>;
  readonly selection: Selection;
}) {
  const { eventName, source, user, sinceMs, untilMs } = selection;
  const isWanted = compileEventFilter(destination.filter);
  const isSelected = compileEventFilter({
    events: eventName === '' ? [] : [eventName],
    sources: source === '' ? [] : [source],
  });
  const isOf = user === '' ? () => true : compilePerson(user);
  return (message: StoredMessage): boolean =>
    message.storedAtMs >= sinceMs &&
    message.storedAtMs < untilMs &&
    isWanted(message.subject) &&
    isSelected(message.subject) &&
    isOf(message.payload);
}

/** Why an event at a position of the ranges is left out; undefined if it is sent. */
async function readReasons(log: Log, destination: AuditedDestination, ranges: EventRanges) {
  const consumers = await readEventPositions(log, destination.name);
  const deadFrom = await firstDead(log, ranges);
  const snapshot = await takeSnapshot(log, destination, ranges, deadFrom);
  return (position: number): keyof LeftOut | undefined => {
    if (position > (positionAt(consumers, position)?.settledUpTo ?? 0)) return 'waiting';
    const fate = snapshot.fateOf(position);
    return fate === undefined || fate === 'waiting' ? fate : 'dead';
  };
}
