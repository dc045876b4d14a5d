import type { Log } from '../jetstream/log.ts';
import type { StoredMessage } from '../jetstream/read/read.ts';
import { compilePerson } from '../event/stored-event.ts';
import { nameProblem } from '../event/name/event-name.ts';
import { walkPage, type WalkPage } from '../jetstream/read/walk/walk-pages.ts';
import { anyName, subjects } from '../jetstream/topology.ts';
import { splitEntry, type EntryFields } from './dead-letter-entry.ts';

/** Selects dead letters. */
export interface DeadLetterFilter {
  /** Empty: every destination. */
  readonly destination: string;
  /** Empty: every event. */
  readonly eventName: string;
  /** A part of the reason, in any case; empty: every reason. */
  readonly reason: string;
  /** A user id or an anonymous id; empty: everyone. */
  readonly user: string;
  /** Became a dead letter at this time or later; 0: ever. */
  readonly sinceMs: number;
  /** Became a dead letter before this time; Infinity: ever. */
  readonly untilMs: number;
  /** The last position in DEAD; Infinity: every position. */
  readonly sequenceMax: number;
}

/** A token of a NATS subject that is a name, not a wildcard. */
const namePattern = /^[A-Za-z0-9_-]+$/;

/** A page ends early at this size: 1,000 events of 256 KiB would be 256 MiB. */
const pageBytesMax = 16 * 1024 * 1024;

/** The subject of the entries that a filter may match; undefined if it can match no entry. */
export function subjectOf(filter: DeadLetterFilter): string | undefined {
  const { destination, eventName } = filter;
  // A wildcard instead of a name would match entries that were not requested.
  if (destination !== '' && !namePattern.test(destination)) return undefined;
  if (eventName !== '' && nameProblem(eventName) !== undefined) return undefined;
  return subjects.dead(destination || '*', eventName || anyName);
}

/**
 * Reads a page of the entries that match a filter, oldest first, and returns at most `itemsMax`
 * results of `take`. All pages cover the entries that existed at the first page, so `replay --all`
 * does not meet an event again that fails during the walk. Throws a ServiceError
 * `malformed_request` for a page token of another list.
 */
export async function walkDeadLetters<Item>(
  log: Log,
  filter: DeadLetterFilter,
  pageToken: string,
  itemsMax: number,
  take: (message: StoredMessage, fields: EntryFields) => Item | undefined,
): Promise<WalkPage<Item>> {
  const subject = subjectOf(filter);
  const matches = createMatcher(filter);
  // Filter by the time in the entry: a fixed entry was stored after its event became a dead letter.
  const walk = { sinceMs: 0, untilMs: Number.POSITIVE_INFINITY };
  return walkPage(
    log,
    'dead',
    { stream: 'DEAD', subjects: subject === undefined ? [] : [subject], ...walk },
    pageToken,
    { itemsMax, messagesMax: Number.POSITIVE_INFINITY, bytesMax: pageBytesMax },
    (message) => {
      if (message.sequence > filter.sequenceMax) return undefined;
      const { fields, eventText } = splitEntry(message.payload);
      return matches(fields, eventText) ? take(message, fields) : undefined;
    },
  );
}

function createMatcher(
  filter: DeadLetterFilter,
): (fields: EntryFields, eventText: string | undefined) => boolean {
  const { sinceMs, untilMs } = filter;
  const wanted = filter.reason.toLowerCase();
  const isOf = filter.user === '' ? undefined : compilePerson(filter.user);
  return ({ reason, deadAt }, eventText) => {
    const deadMs = Date.parse(deadAt);
    if (deadMs < sinceMs || deadMs >= untilMs) return false;
    // An event that cannot be read is of no known person.
    if (isOf !== undefined && !isOf(Buffer.from(eventText ?? ''))) return false;
    return wanted === '' || reason.toLowerCase().includes(wanted);
  };
}
