import type { DeliveryAttempt } from '../event/delivery-attempt.ts';
import { readConsumer, settledUpTo, type ConsumerInfo } from '../jetstream/backlog.ts';
import type { Log } from '../jetstream/log.ts';
import { readMatching, sequenceSince, type StoredMessage } from '../jetstream/read.ts';
import { originOfSetAside } from '../jetstream/set-aside.ts';
import { subjects, type PlaceStream, type StreamName } from '../jetstream/topology.ts';

/** What the streams beside EVENTS hold of one event for one destination; the newest of each. */
export interface TracesLeft {
  readonly setAside:
    | { readonly dueMs: number; readonly settled: boolean; readonly handedOut: boolean }
    | undefined;
  readonly replayed: StoredMessage | undefined;
  readonly dead: StoredMessage | undefined;
  readonly discarded: StoredMessage | undefined;
  /** A stream held more than is read: what is not found may be there all the same. */
  readonly cut: boolean;
}

export interface TracedEvent {
  readonly sequence: number;
  readonly eventName: string;
  readonly storedAtMs: number;
}

/** So many entries of one stream, destination and event name are looked at. */
const entriesMax = 20_000;

/**
 * Reads what is left of an event, and nothing older than it: an entry about it is younger. The
 * consumers are read by the caller, before this: what leaves one stream is stored in the next first.
 */
export async function readTracesLeft(
  log: Log,
  destination: string,
  { sequence, eventName, storedAtMs }: TracedEvent,
  retries: ConsumerInfo | undefined,
): Promise<TracesLeft> {
  let cut = false;
  const newest = async (
    stream: StreamName,
    subject: string,
    originOf: (message: StoredMessage) => number,
  ): Promise<StoredMessage | undefined> => {
    const from = await sequenceSince(log, stream, storedAtMs);
    if (from === undefined) return undefined;
    let found: StoredMessage | undefined;
    let seen = 0;
    for await (const message of readMatching(log, stream, subject, from)) {
      if (originOf(message) === sequence) found = message;
      seen += 1;
      if (seen < entriesMax) continue;
      cut = true;
      break;
    }
    return found;
  };
  const setAside = await newest(
    'RETRY',
    subjects.retry(destination, eventName),
    (message) => originOfSetAside(message).sequence,
  );
  const discarded = await newest('DEAD', subjects.discarded(destination, eventName), originOf);
  const dead = await newest('DEAD', subjects.dead(destination, eventName), originOf);
  const replayed = await newest('REPLAY', subjects.replay(destination, eventName), originOf);
  return {
    setAside: setAside && {
      dueMs: originOfSetAside(setAside).dueMs,
      settled: retries !== undefined && setAside.sequence <= settledUpTo(retries),
      handedOut: retries !== undefined && setAside.sequence <= retries.delivered.stream_seq,
    },
    discarded,
    dead,
    replayed,
    cut,
  };
}

function originOf(message: StoredMessage): number {
  return Number(message.header('Headgate-Origin-Sequence'));
}

/** The consumers of one destination, each read once for all events of an answer. */
export function createConsumerReader(log: Log, destination: string) {
  const read = new Map<PlaceStream, Promise<ConsumerInfo | undefined>>();
  return (stream: PlaceStream): Promise<ConsumerInfo | undefined> => {
    let info = read.get(stream);
    if (info === undefined) read.set(stream, (info = readConsumer(log, stream, destination)));
    return info;
  };
}

const attemptsMax = 20;
const decoder = new TextDecoder();

/** The failed attempts at an event, by its places in EVENTS and in REPLAY, oldest first. */
export async function readAttempts(
  log: Log,
  destination: string,
  places: readonly { readonly stream: string; readonly sequence: number }[],
): Promise<DeliveryAttempt[]> {
  const attempts: DeliveryAttempt[] = [];
  for (const { stream, sequence } of places) {
    for await (const { payload } of readMatching(log, 'ATTEMPTS', subjects.attempt(destination, sequence))) {
      const attempt = JSON.parse(decoder.decode(payload)) as DeliveryAttempt;
      if (attempt.stream === stream) attempts.push(attempt);
      if (attempts.length > attemptsMax) attempts.shift();
    }
  }
  return attempts;
}
