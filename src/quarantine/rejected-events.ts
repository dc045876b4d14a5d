import { nameProblem } from '../event/name/event-name.ts';
import type { IncomingEvent } from '../event/incoming-event.ts';
import type { EventError } from '../event/verdict.ts';
import type { Log } from '../jetstream/log.ts';
import { readMessage, type StoredMessage } from '../jetstream/read/read.ts';
import { subjects, unplannedName } from '../jetstream/topology.ts';
import { codeOf, nameOf, readEntry, vendorCallOf, type RejectedEntry } from './rejected-entry.ts';
import type { Discard, ReplayOutcome } from './outcome-note.ts';
import { createIsOfPerson, type DecodeRejected, type IsOfPerson } from './rejected-person.ts';
import type { ReplayMarks } from './replay-marks.ts';
import { walkPage, type WalkPage } from '../jetstream/read/walk/walk-pages.ts';

/** Selects rejected events. Empty, 0 and Infinity match any event. */
export interface RejectedFilter {
  readonly source: string;
  readonly eventName: string;
  readonly code: string;
  /** A user id or an anonymous id. */
  readonly user: string;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Include events that a replay has stored. */
  readonly withReplayed: boolean;
  /** Include events that an operator has given up. */
  readonly withDiscarded: boolean;
  /** Positions above it are left out. */
  readonly sequenceMax: number;
}

/** A rejected event, and its newest replay or its discard. */
export interface Found {
  readonly entry: RejectedEntry;
  /** The error of the newest replay, else the original one. */
  readonly error: EventError;
  readonly replay: (ReplayOutcome & { readonly atMs: number }) | undefined;
  readonly discard: (Discard & { readonly atMs: number }) | undefined;
}

type NamedEvent = Pick<IncomingEvent, 'eventName' | 'vendorCall'>;

/** The rejected events, and the outcomes of their replays. */
export interface RejectedEvents {
  /** Throws a ServiceError `malformed_request` for a page token of another list. */
  page(filter: RejectedFilter, size: number, pageToken: string): Promise<WalkPage<Found>>;
  /** Resolves to undefined if no rejected event has this position. */
  get(sequence: number): Promise<Found | undefined>;
  readonly isOfPerson: IsOfPerson;
  readonly decode: (message: StoredMessage) => IncomingEvent;
}

/**
 * `nameSent` resolves the aliases of events: an entry keeps the name as it was sent, which may be an alias of the
 * name that a filter has, and a filter may have an alias.
 */
export function createRejectedEvents(
  log: Log,
  marks: ReplayMarks,
  decode: DecodeRejected,
  nameSent: (event: NamedEvent) => Pick<IncomingEvent, 'eventName'>,
): RejectedEvents {
  const isOfPerson = createIsOfPerson(decode);
  const isNamed = (message: StoredMessage, wanted: string, own: string): boolean => {
    const eventName = nameOf(message);
    return (
      eventName === wanted ||
      nameSent({ eventName, vendorCall: vendorCallOf(message) }).eventName === own
    );
  };
  const readFound = async (message: StoredMessage): Promise<Found> => {
    const mark = await marks.find(message.sequence);
    const entry = readEntry(message);
    if (mark?.status === 'discarded') {
      return { entry, error: entry.error, replay: undefined, discard: mark };
    }
    return { entry, error: mark?.error ?? entry.error, replay: mark, discard: undefined };
  };
  return {
    isOfPerson,
    decode: (message) => decode(readEntry(message)),
    page: async (filter, size, pageToken) => {
      await marks.refresh();
      const { sinceMs, untilMs } = filter;
      const own = nameSent({ eventName: filter.eventName, vendorCall: undefined }).eventName;
      const subjects = subjectsOf(filter, own);
      const walk = { stream: 'REJECTED', subjects, sinceMs, untilMs } as const;
      const limits = { itemsMax: size };
      return walkPage(log, 'rejected', walk, pageToken, limits, async (message) => {
        if (message.sequence > filter.sequenceMax) return undefined;
        if (marks.isSettled(message.sequence)) {
          if (!filter.withReplayed && !filter.withDiscarded) return undefined;
          const mark = await marks.find(message.sequence);
          const isWanted =
            mark?.status === 'discarded' ? filter.withDiscarded : filter.withReplayed;
          if (!isWanted) return undefined;
        }
        if (filter.eventName !== '' && !isNamed(message, filter.eventName, own)) return undefined;
        if (filter.user !== '' && !isOfPerson(message, filter.user)) return undefined;
        if (filter.code !== '') {
          const newest = await marks.find(message.sequence);
          const error = newest?.status === 'discarded' ? undefined : newest?.error;
          if ((error?.code ?? codeOf(message)) !== filter.code) return undefined;
        }
        return readFound(message);
      });
    },
    get: async (sequence) => {
      await marks.refresh();
      const message = await readMessage(log, 'REJECTED', sequence);
      const isEntry = message?.subject.startsWith(rejectedPrefix) === true;
      return isEntry ? readFound(message) : undefined;
    },
  };
}

const rejectedPrefix = subjects.rejected('', '').slice(0, -1);

/** The form of a source. */
const namePattern = /^[a-z0-9_-]+$/;

/** Includes `unplannedName`: the subject of events that the taxonomy did not know on arrival. */
function subjectsOf({ source, eventName }: RejectedFilter, own: string): string[] {
  if (source !== '' && !namePattern.test(source)) return [];
  const sourceToken = source === '' ? '*' : source;
  if (eventName === '') return [subjects.rejectedOf(sourceToken)];
  const planned = [eventName, own].filter((name) => nameProblem(name) === undefined);
  return [...new Set([...planned, unplannedName])].flatMap((name) => [
    subjects.rejected(sourceToken, name),
    subjects.rejectedAs(sourceToken, name, '*', '*'),
  ]);
}
