import type { Log } from '../jetstream/log.ts';
import { boundsOf, readMatching, type StoredMessage } from '../jetstream/read/read.ts';
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

/** A part of what there is, walked in one go. */
export interface DeadLetterPart {
  /** Where the next part begins; empty after the last. */
  readonly nextPageToken: string;
}

/** A token of a NATS subject that is a name, and no wildcard. */
const namePattern = /^[A-Za-z0-9_-]+$/;

/** A part ends early beyond this: 1,000 events of 256 KiB would be 256 MiB. */
const partBytesMax = 16 * 1024 * 1024;

/** `<last entry seen>-<last entry there was at the first part>`. */
const tokenPattern = /^(\d{1,15})-(\d{1,15})$/;

export function isPageToken(text: string): boolean {
  return text === '' || tokenPattern.test(text);
}

/** The subject of all that a filter may mean; undefined when it can mean nothing. */
export function subjectOf(filter: DeadLetterFilter): string | undefined {
  const { destination, eventName } = filter;
  // What is no name matches nothing; a wildcard in its place would match what was not asked for.
  const isSound = (name: string): boolean => name === '' || namePattern.test(name);
  if (!isSound(destination) || !isSound(eventName)) return undefined;
  return subjects.dead(destination || '*', eventName || '*');
}

/**
 * Gives each entry that a filter means to `visit`, oldest first, until that says 'enough' or a
 * bounded part of the stream is read. All parts of a walk see what there was at the first: what
 * fails again while `replay --all` walks is not met once more.
 */
export async function walkPart(
  log: Log,
  filter: DeadLetterFilter,
  pageToken: string,
  visit: (message: StoredMessage, fields: EntryFields) => 'more' | 'enough',
): Promise<DeadLetterPart> {
  const subject = subjectOf(filter);
  if (subject === undefined) return { nextPageToken: '' };
  const [, seen, upTo] = tokenPattern.exec(pageToken) ?? ['', '0', ''];
  const end = upTo === '' ? (await boundsOf(log, 'DEAD')).last : Number(upTo);
  const matches = createMatcher(filter);
  let bytes = 0;
  let enough = false;
  let last = Number(seen);
  for await (const message of readMatching(log, 'DEAD', subject, last + 1)) {
    if (message.sequence > end) break;
    if (enough || bytes > partBytesMax) return { nextPageToken: `${last}-${end}` };
    last = message.sequence;
    bytes += message.payload.length;
    const { fields } = splitEntry(message.payload);
    if (matches(fields)) enough = visit(message, fields) === 'enough';
  }
  return { nextPageToken: '' };
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
