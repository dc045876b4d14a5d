import { clientsOf } from '../clients.ts';
import { partsOf } from '../events/event-streams.ts';
import type { StreamPart } from '../events/stream-parts.ts';
import type { Log } from '../log.ts';
import { anyName, earlierStream, isPartitionStream, subjects } from '../topology.ts';
import { createSubjectMatcher } from './subject-matcher.ts';

/*
 * For a page of one subject nats-server counts how many messages of it follow, and reads up to half of the stream's blocks
 * for that, unless it has read them in the last two minutes. It stores nothing meanwhile: for 0.96 s in a log of
 * 2.6 GB. So beside producers pages of EVENTS are read whole, and filtered here
 * (docs/adr/0065-beside-producers-pages-are-small-and-whole.md).
 */

/** Every message of a stream of NATS; of these pages nothing is counted. */
export const wholeStream = '>';

/**
 * nats-server answers a request in one go, in 5 to 20 µs a message; on one processor it stores nothing meanwhile. 512 messages
 * at once held up producers for 10 ms, twenty times a second.
 */
export const messagesBeside = 64;

/** Whether pages of a part of the log are read small and whole now. */
export function isReadWhole(log: Log, { stream }: Pick<StreamPart, 'stream'>): boolean {
  const isOfEvents = isPartitionStream(stream) || stream === earlierStream;
  return isOfEvents && clientsOf(log).pace.isKept();
}

/** What to ask nats-server for, and what of the answer to keep. */
export interface PageFilter {
  readonly subject: string;
  readonly matches: ((subject: string) => boolean) | undefined;
}

const everyEvent = subjects.eventsOf('*', anyName);
const isEvery = (subject: string): boolean => subject === wholeStream || subject === everyEvent;

/** @param subject as in `topology.ts`, for any part. */
export function pageFilter(log: Log, part: StreamPart, subject: string): PageFilter {
  if (isEvery(subject)) return { subject: wholeStream, matches: undefined };
  if (!isReadWhole(log, part)) return { subject, matches: undefined };
  return { subject: wholeStream, matches: createSubjectMatcher(part.subject(subject)) };
}

/**
 * For who reads all partitions of EVENTS whole now: whether a message has one of these subjects. Undefined if they are read
 * as they are.
 */
export function wholeFilter(
  log: Log,
  wanted: readonly string[],
): ((subject: string) => boolean) | undefined {
  const parts = partsOf(log, 'EVENTS');
  if (wanted.length === 0 || wanted.some(isEvery) || !parts.every((part) => isReadWhole(log, part)))
    return undefined;
  const forms = new Set(parts.flatMap((part) => wanted.map((subject) => part.subject(subject))));
  const matchers = [...forms].map(createSubjectMatcher);
  return (subject) => matchers.some((matches) => matches(subject));
}
