import type { DeadLetter } from '../../gen/headgate/v1/dead_letter_pb.ts';
import { ServiceError } from '../errors.ts';
import { eventNameOf } from '../event/delivery-attempt.ts';
import type { Log } from '../jetstream/log.ts';
import {
  countBySubject,
  deleteMessage,
  readMatching,
  readMessage,
  readNext,
  type StoredMessage,
} from '../jetstream/read.ts';
import { subjects } from '../jetstream/topology.ts';
import {
  decodeDeadLetter,
  discardedPayload,
  eventOfEntry,
  originHeader,
  passedHeaders,
  rawEventHeader,
} from './dead-letter-entry.ts';

export interface DeadLetterFilter {
  /** Empty: every destination. */
  readonly destination: string;
  /** Empty: every event. */
  readonly eventName: string;
}

export interface DeadLetterPage {
  readonly deadLetters: readonly DeadLetter[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
  readonly total: number;
}

export interface DeadLetterCount {
  readonly count: number;
  /** When the oldest was written; 0 when there is none. */
  readonly oldestMs: number;
}

/** The events that destinations could not be given, and what a person can do about them. */
export interface DeadLetterQueue {
  list(filter: DeadLetterFilter, pageSize: number, pageToken: string): Promise<DeadLetterPage>;
  /** Throws `dead_letter_not_found`, as the next two do. */
  get(id: string): Promise<DeadLetter>;
  /** Hands the event to its destination again. Resolves to its place in REPLAY. */
  replay(id: string): Promise<number>;
  /** Gives the event up for good; the entry is kept with the reason. */
  discard(id: string, why: string): Promise<void>;
  count(destination: string): Promise<DeadLetterCount>;
}

/** A token of a NATS subject that is a name, and no wildcard. */
const namePattern = /^[A-Za-z0-9_-]+$/;

/** A page ends early beyond this: 1,000 events of 256 KiB would be 256 MiB. */
const pageBytesMax = 16 * 1024 * 1024;

export function createDeadLetterQueue(log: Log): DeadLetterQueue {
  const index = createIndex(log);

  const find = async (id: string): Promise<StoredMessage> => {
    const message = await index.find(id);
    if (message === undefined) {
      throw new ServiceError('dead_letter_not_found', `There is no dead letter ${id}.`);
    }
    return message;
  };

  /**
   * Deletes it once what follows from it is stored, so that a crash leaves both and never neither.
   */
  const remove = async (id: string, message: StoredMessage): Promise<void> => {
    await deleteMessage(log, 'DEAD', message.sequence);
    index.forget(id);
    await log.syncStream('DEAD');
  };

  return {
    list: (filter, pageSize, pageToken) => listPage(log, filter, pageSize, pageToken),
    get: async (id) => decodeDeadLetter((await find(id)).payload),
    replay: async (id) => {
      const message = await find(id);
      const event = eventOfEntry(message);
      if (event === undefined) throw new Error(`the dead letter ${id} holds no event`);
      const { destination } = decodeDeadLetter(message.payload);
      const { sequence } = await log.store(
        'REPLAY',
        subjects.replay(destination, eventNameOf(message.subject)),
        {
          'Nats-Msg-Id': `replay:${destination}:${message.sequence}`,
          ...headersOf(message, [...passedHeaders, originHeader]),
        },
        event,
      );
      await remove(id, message);
      return sequence;
    },
    discard: async (id, why) => {
      const message = await find(id);
      const { destination } = decodeDeadLetter(message.payload);
      await log.store(
        'DEAD',
        subjects.discarded(destination, eventNameOf(message.subject)),
        {
          'Nats-Msg-Id': `discarded:${destination}:${message.sequence}`,
          ...headersOf(message, [...passedHeaders, originHeader, rawEventHeader]),
        },
        discardedPayload(message.payload, why, Date.now()),
      );
      await remove(id, message);
    },
    count: async (destination) => {
      const subject = subjects.dead(destination, '*');
      const [counts, oldest] = await Promise.all([
        countBySubject(log, 'DEAD', subject),
        readNext(log, 'DEAD', 1, subject),
      ]);
      return { count: sum(counts.values()), oldestMs: oldest?.storedAtMs ?? 0 };
    },
  };
}

const tokenOf = (name: string): string => (name === '' ? '*' : name);

async function listPage(
  log: Log,
  filter: DeadLetterFilter,
  pageSize: number,
  pageToken: string,
): Promise<DeadLetterPage> {
  for (const name of [filter.destination, filter.eventName]) {
    // What is no name matches nothing; a wildcard in its place would match what was not asked for.
    if (name !== '' && !namePattern.test(name))
      return { deadLetters: [], nextPageToken: '', total: 0 };
  }
  const subject = subjects.dead(tokenOf(filter.destination), tokenOf(filter.eventName));
  const deadLetters: DeadLetter[] = [];
  let last = pageToken === '' ? 0 : Number(pageToken);
  let more = false;
  let bytes = 0;
  for await (const message of readMatching(log, 'DEAD', subject, last + 1)) {
    if (deadLetters.length === pageSize || bytes > pageBytesMax) {
      more = true;
      break;
    }
    deadLetters.push(decodeDeadLetter(message.payload));
    last = message.sequence;
    bytes += message.payload.length;
  }
  const total = sum((await countBySubject(log, 'DEAD', subject)).values());
  return { deadLetters, nextPageToken: more ? String(last) : '', total };
}

/**
 * Where entries lie, by id. The stream has no such index, and a scan for each of ten thousand
 * replays would read it ten thousand times. Each look-up first reads what is new, so that entries
 * of other processes are found too. About 100 bytes an entry.
 */
function createIndex(log: Log) {
  const sequences = new Map<string, number>();
  let readUpTo = 0;
  let reading: Promise<void> | undefined;

  const readNew = async (): Promise<void> => {
    for await (const message of readMatching(log, 'DEAD', subjects.dead('*', '*'), readUpTo + 1)) {
      sequences.set(message.header('Nats-Msg-Id'), message.sequence);
      readUpTo = message.sequence;
    }
  };
  const lookUp = async (id: string): Promise<StoredMessage | undefined> => {
    const sequence = sequences.get(id);
    if (sequence === undefined) return undefined;
    const message = await readMessage(log, 'DEAD', sequence);
    if (message?.header('Nats-Msg-Id') === id) return message;
    // Replayed or discarded by another process.
    sequences.delete(id);
    return undefined;
  };
  return {
    find: async (id: string): Promise<StoredMessage | undefined> => {
      const known = await lookUp(id);
      if (known !== undefined) return known;
      await (reading ??= readNew().finally(() => {
        reading = undefined;
      }));
      return lookUp(id);
    },
    forget: (id: string): void => void sequences.delete(id),
  };
}

function headersOf(message: StoredMessage, names: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of names) {
    const value = message.header(name);
    if (value !== '') headers[name] = value;
  }
  return headers;
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
