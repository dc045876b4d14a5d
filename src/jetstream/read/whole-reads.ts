import { clientsOf } from '../clients.ts';
import { partsOf } from '../events/event-streams.ts';
import type { StreamPart } from '../events/stream-parts.ts';
import type { Log } from '../log.ts';
import { anyName, earlierStream, isPartitionStream, subjects } from '../topology.ts';
import { createSubjectMatcher } from './subject-matcher.ts';

/*
 * For a page of one subject nats-server counts how many messages of it follow, and reads up to half of the stream's blocks
 * for that, unless it has read them in the last two minutes. It stores nothing meanwhile: for 0.96 s in a log of
 * 2.6 GB. So beside producers lists and searches read pages of all events, and filter them here
 * (docs/adr/0065-beside-producers-pages-are-small-and-whole.md).
 */

/** Every message of a stream of NATS; of these pages nothing is counted. */
export const wholeStream = '>';

/**
 * nats-server answers a request in one go, in 5 to 20 µs a message; on one processor it stores nothing meanwhile. 512 messages
 * at once held up producers for 10 ms, twenty times a second.
 */
export const messagesBeside = 64;

function isBeside(log: Log, { stream }: StreamPart): boolean {
  const isOfEvents = isPartitionStream(stream) || stream === earlierStream;
  return isOfEvents && clientsOf(log).pace.isKept();
}

/** Whether readers of EVENTS share nats-server with producers just now. Ask once for a call or a job, which then reads `wholeStream`. */
export function isBesideProducers(log: Log): boolean {
  return partsOf(log, 'EVENTS').every((part) => isBeside(log, part));
}

const everyEvent = subjects.eventsOf('*', anyName);
const isEvery = (subject: string): boolean => subject === wholeStream || subject === everyEvent;

/** What to ask nats-server for: of every event nothing is counted under this name. */
export function pageSubject(subject: string): string {
  return isEvery(subject) ? wholeStream : subject;
}

/** The most messages of a page. Of a subject a page costs nats-server the same however few it has. */
export function messagesAtOnce(log: Log, part: StreamPart, subject: string): number {
  return isEvery(subject) && isBeside(log, part) ? messagesBeside : Infinity;
}

/**
 * For who reads all partitions of EVENTS whole now: whether a message has one of these subjects. Undefined if they are to be
 * read as they are. Ask once for each call, which then counts what it reads and does not want.
 */
export function wholeFilter(
  log: Log,
  wanted: readonly string[],
): ((subject: string) => boolean) | undefined {
  const parts = partsOf(log, 'EVENTS');
  if (wanted.length === 0 || wanted.some(isEvery) || !isBesideProducers(log)) return undefined;
  const forms = new Set(parts.flatMap((part) => wanted.map((subject) => part.subject(subject))));
  const matchers = [...forms].map(createSubjectMatcher);
  return (subject) => matchers.some((matches) => matches(subject));
}
