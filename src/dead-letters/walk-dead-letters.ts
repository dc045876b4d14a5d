import type { Log } from '../jetstream/log.ts';
import type { StoredMessage } from '../jetstream/read/read.ts';
import { walkPage, type WalkPage } from '../jetstream/read/walk-pages.ts';
import { subjects } from '../jetstream/topology.ts';
import { splitEntry, type EntryFields } from './dead-letter-entry.ts';

/** Which dead letters are meant. */
export interface DeadLetterFilter {
  /** Empty: every destination. */
  readonly destination: string;
  /** Empty: every event. */
  readonly eventName: string;
  /** A part of the reason, in any case; empty: every reason. */
  readonly reason: string;
  /** Became a dead letter at this time or later; 0: ever. */
  readonly sinceMs: number;
  /** Became a dead letter before this time; Infinity: ever. */
  readonly untilMs: number;
}

/** A token of a NATS subject that is a name, and no wildcard. */
const namePattern = /^[A-Za-z0-9_-]+$/;

/** A page ends early beyond this: 1,000 events of 256 KiB would be 256 MiB. */
const pageBytesMax = 16 * 1024 * 1024;

/** The subject of the entries that a filter may match; undefined when it matches none. */
export function subjectOf(filter: DeadLetterFilter): string | undefined {
  const { destination, eventName } = filter;
  // A wildcard instead of a name would match entries that were not asked for.
  const isSound = (name: string): boolean => name === '' || namePattern.test(name);
  if (!isSound(destination) || !isSound(eventName)) return undefined;
  return subjects.dead(destination || '*', eventName || '*');
}

/**
 * Reads a page of the entries that a filter means, oldest first: at most `itemsMax` of what `take`
 * makes of them. All pages see what there was at the first: what fails again while `replay --all` walks
 * is not met once more. Throws a ServiceError `malformed_request` for a page token of another list.
 */
export async function walkDeadLetters<Item>(
  log: Log,
  filter: DeadLetterFilter,
  pageToken: string,
  itemsMax: number,
  take: (message: StoredMessage, fields: EntryFields) => Item | undefined,
): Promise<Pick<WalkPage<Item>, 'items' | 'nextPageToken'>> {
  const subject = subjectOf(filter);
  const matches = createMatcher(filter);
  // By the time in the entry: a fixed one was stored later than its event became a dead letter.
  const walk = { sinceMs: 0, untilMs: Number.POSITIVE_INFINITY };
  const { items, nextPageToken } = await walkPage(
    log,
    'dead',
    { stream: 'DEAD', subjects: subject === undefined ? [] : [subject], ...walk },
    pageToken,
    { itemsMax, messagesMax: Number.POSITIVE_INFINITY, bytesMax: pageBytesMax },
    (message) => {
      const { fields } = splitEntry(message.payload);
      return matches(fields) ? take(message, fields) : undefined;
    },
  );
  return { items, nextPageToken };
}

function createMatcher(filter: DeadLetterFilter): (fields: EntryFields) => boolean {
  const { sinceMs, untilMs } = filter;
  const wanted = filter.reason.toLowerCase();
  return ({ reason, deadAt }) => {
    const deadMs = Date.parse(deadAt);
    if (deadMs < sinceMs || deadMs >= untilMs) return false;
    return wanted === '' || reason.toLowerCase().includes(wanted);
  };
}
