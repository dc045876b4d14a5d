import { canaryName } from '../event/canary.ts';
import { eventNameOf, sourceOf } from '../event/delivery-attempt.ts';
import { compileEventGlobs, nameOfGlob } from '../event/glob.ts';
import { nameProblem } from '../event/name/event-name.ts';
import { compilePerson } from '../event/stored-event.ts';
import type { Log } from '../jetstream/log.ts';
import type { StoredMessage } from '../jetstream/read/read.ts';
import { anyName, subjects } from '../jetstream/topology.ts';
import type { IsOfPerson } from '../quarantine/rejected-person.ts';
import { nameOf, rejectedSourceOf } from '../quarantine/rejected-entry.ts';
import { followStream, type Follower } from './follow-stream.ts';
import { readAccepted, readRejected, type TailedEvent } from './tailed-event.ts';

/** Selects the events that a subscriber receives. */
export interface TailFilter {
  /** A glob; empty matches every event. */
  readonly eventName: string;
  /** A glob; empty matches every source. */
  readonly source: string;
  /** A user id or an anonymous id; empty matches everyone. */
  readonly user: string;
  /** Undefined selects both. */
  readonly status: TailedEvent['status'] | undefined;
}

/** A follower of a stream, and the reader of its messages. */
export interface TailedStream {
  readonly follower: Follower;
  readonly read: (message: StoredMessage) => TailedEvent;
}

const exactPattern = /^[a-z0-9_-]+$/;

/** Undefined: the glob matches several names. */
function exactName(glob: string): string | undefined {
  const name = nameOfGlob(glob);
  return name === undefined || nameProblem(name) !== undefined ? undefined : name;
}

/** Follows the streams with the events of a filter. Rejects when the log cannot be reached. */
export async function openStreams(
  log: Log,
  { eventName, source, user, status }: TailFilter,
  isOfPerson: IsOfPerson,
): Promise<TailedStream[]> {
  const isFrom = compileEventGlobs(source === '' ? [] : [source]);
  const isNamed = compileEventGlobs(eventName === '' ? [] : [eventName]);
  // Heartbeats are only for subscribers that name the canary as their source.
  const isOtherSource = (from: string): boolean =>
    !isFrom(from) || (from === canaryName && source !== canaryName);
  const token = (text: string): string => (exactPattern.test(text) ? text : '*');
  const isOf = user === '' ? undefined : compilePerson(user);
  const streams: TailedStream[] = [];
  if (status !== 'rejected') {
    const subject = subjects.eventsOf(token(source), exactName(eventName) ?? anyName);
    const isWanted = (message: StoredMessage): boolean =>
      !isOtherSource(sourceOf(message.subject)) &&
      isNamed(eventNameOf(message.subject)) &&
      (isOf === undefined || isOf(message.payload));
    const follower = await followStream({ log, stream: 'EVENTS', subject, isWanted });
    streams.push({ follower, read: readAccepted });
  }
  if (status !== 'accepted') {
    // The header has the original name, because names outside the taxonomy share one subject.
    const subject = subjects.rejectedOf(token(source));
    const isWanted = (message: StoredMessage): boolean =>
      !isOtherSource(rejectedSourceOf(message)) &&
      isNamed(nameOf(message)) &&
      (user === '' || isOfPerson(message, user));
    const follower = await followStream({ log, stream: 'REJECTED', subject, isWanted });
    streams.push({ follower, read: readRejected });
  }
  return streams;
}
