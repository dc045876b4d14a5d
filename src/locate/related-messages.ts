import type { DeliveryAttempt } from '../event/delivery-attempt.ts';
import {
  readConsumerPosition,
  readEventPositions,
  type ConsumerPosition,
} from '../jetstream/consume/consumer-position.ts';
import type { Log } from '../jetstream/log.ts';
import {
  readMatching,
  readMessage,
  sequenceSince,
  type SingleStreamName,
  type StoredMessage,
} from '../jetstream/read/read.ts';
import { originOfAsideCopy } from '../jetstream/consume/aside/aside-copies.ts';
import { originOfDelayedCopy } from '../jetstream/consume/delayed-copies.ts';
import { subjects, type ConsumedStream } from '../jetstream/topology.ts';

/** The newest message of each kind that other streams hold about an event, for one destination. */
export interface RelatedMessages {
  readonly delayedCopy: { readonly dueMs: number; readonly settled: boolean } | undefined;
  /** Its copy in ASIDE. */
  readonly asideCopy: { readonly sequence: number; readonly settled: boolean } | undefined;
  readonly replayed: StoredMessage | undefined;
  readonly dead: StoredMessage | undefined;
  readonly discarded: StoredMessage | undefined;
  /** True if a stream holds more than was read, so a message that was not found may still exist. */
  readonly cut: boolean;
}

/** The consumer of the copies, if there is one. */
type Settled = Pick<ConsumerPosition, 'settledUpTo'> | undefined;

export interface SearchedEvent {
  readonly sequence: number;
  readonly eventName: string;
  readonly storedAtMs: number;
}

/** How many entries of one stream, destination and event name are read. */
const entriesMax = 20_000;

/** The position of the newest entry about each event, by the event's position in EVENTS. */
interface Entries {
  readonly newest: ReadonlyMap<number, number>;
  readonly cut: boolean;
}

/**
 * Reads the messages of other streams about events for one destination. Call it with the oldest
 * event first: entries about an event are younger than the event, so older entries are not read.
 * Each part of a stream is read once for all events. Read the consumers first: an event is stored
 * in the next stream before it leaves the previous one.
 */
export function createRelatedReader(log: Log, destination: string) {
  const entriesBySubject = new Map<string, Promise<Entries>>();

  const read = async (
    stream: SingleStreamName,
    subject: string,
    sinceMs: number,
  ): Promise<Entries> => {
    const newest = new Map<number, number>();
    const from = await sequenceSince(log, stream, sinceMs);
    if (from === undefined) return { newest, cut: false };
    let seen = 0;
    for await (const message of readMatching(log, stream, subject, from)) {
      const origin = stream === 'RETRY' ? originOfDelayedCopy(message).sequence : originOf(message);
      newest.set(origin, message.sequence);
      seen += 1;
      if (seen >= entriesMax) return { newest, cut: true };
    }
    return { newest, cut: false };
  };

  return async (
    { sequence, eventName, storedAtMs }: SearchedEvent,
    { retries, asides }: { readonly retries: Settled; readonly asides: Settled },
  ): Promise<RelatedMessages> => {
    let cut = false;
    const find = async (
      stream: SingleStreamName,
      subject: string,
    ): Promise<StoredMessage | undefined> => {
      let entries = entriesBySubject.get(subject);
      if (entries === undefined) {
        entries = read(stream, subject, storedAtMs);
        entriesBySubject.set(subject, entries);
      }
      const found = await entries;
      cut ||= found.cut;
      const newest = found.newest.get(sequence);
      return newest === undefined ? undefined : readMessage(log, stream, newest);
    };
    const aside = await findAside(log, destination, sequence, eventName);
    const delayedCopy = await find('RETRY', subjects.retry(destination, eventName));
    const discarded = await find('DEAD', subjects.discarded(destination, eventName));
    const dead = await find('DEAD', subjects.dead(destination, eventName));
    const replayed = await find('REPLAY', subjects.replay(destination, eventName));
    return {
      asideCopy: aside && {
        sequence: aside.sequence,
        settled: asides !== undefined && aside.sequence <= asides.settledUpTo,
      },
      delayedCopy: delayedCopy && {
        dueMs: originOfDelayedCopy(delayedCopy).dueMs,
        settled: retries !== undefined && delayedCopy.sequence <= retries.settledUpTo,
      },
      discarded,
      dead,
      replayed,
      cut,
    };
  };
}

/** The group of the event in ASIDE is small, so that all of it is read. */
async function findAside(
  log: Log,
  destination: string,
  position: number,
  eventName: string,
): Promise<StoredMessage | undefined> {
  const group = subjects.aside(destination, position, '*', eventName);
  let found: StoredMessage | undefined;
  for await (const message of readMatching(log, 'ASIDE', group)) {
    if (originOfAsideCopy(message) === position) found = message;
  }
  return found;
}

function originOf(message: StoredMessage): number {
  return Number(message.header('Headgate-Origin-Sequence'));
}

/** Reads the consumers of one destination, each once for all events of an answer. */
export function createConsumerReader(log: Log, destination: string) {
  type Other = Exclude<ConsumedStream, 'EVENTS'>;
  const read = new Map<Other, Promise<ConsumerPosition | undefined>>();
  let events: Promise<ConsumerPosition[]> | undefined;
  return {
    events: () => (events ??= readEventPositions(log, destination)),
    on: (stream: Other): Promise<ConsumerPosition | undefined> => {
      let position = read.get(stream);
      if (position === undefined) {
        position = readConsumerPosition(log, stream, destination);
        read.set(stream, position);
      }
      return position;
    },
  };
}

const attemptsMax = 20;
const decoder = new TextDecoder();

/** The failed attempts at an event, by its positions in EVENTS and in REPLAY, oldest first. */
export async function readAttempts(
  log: Log,
  destination: string,
  positions: readonly { readonly stream: string; readonly sequence: number }[],
): Promise<DeliveryAttempt[]> {
  const attempts: DeliveryAttempt[] = [];
  for (const { stream, sequence } of positions) {
    for await (const { payload } of readMatching(
      log,
      'ATTEMPTS',
      subjects.attempt(destination, sequence),
    )) {
      const attempt = JSON.parse(decoder.decode(payload)) as DeliveryAttempt;
      if (attempt.stream === stream) attempts.push(attempt);
      if (attempts.length > attemptsMax) attempts.shift();
    }
  }
  return attempts;
}
