import { ServiceError } from '../errors.ts';
import { eventNameOf } from '../event/delivery-attempt.ts';
import { messageIdHeader, type Log } from '../jetstream/log.ts';
import {
  boundsOf,
  countBySubject,
  deleteMessage,
  readMatching,
  readMessage,
  readNext,
  type StoredMessage,
} from '../jetstream/read/read.ts';
import type { WalkProgress } from '../jetstream/read/walk-pages.ts';
import { anyName, subjects } from '../jetstream/topology.ts';
import { createEntryLocks } from './entry-locks.ts';
import {
  discardedPayload,
  entryIdHeader,
  entryIdOf,
  eventOfEntry,
  fixedPayload,
  originHeader,
  passedHeaders,
  rawEventHeader,
  readDeadLetter,
  settlesHeader,
  splitEntry,
  type EntryFields,
  type StoredDeadLetter,
} from './dead-letter-entry.ts';
import { createIndex } from './dead-letter-index.ts';
import { createReasonCounts, reasonClassOf, type ReasonCount } from './reason-counts.ts';
import { subjectOf, walkDeadLetters, type DeadLetterFilter } from './walk-dead-letters.ts';

export interface DeadLetterPage {
  readonly deadLetters: readonly StoredDeadLetter[];
  /** The number of entries of the filter's destination and event. */
  readonly total: number;
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

/** The counts of one page. */
export interface DeadLetterCounts {
  readonly count: number;
  readonly reasons: readonly ReasonCount[];
  readonly walk: WalkProgress;
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

export interface DeadLetterCount {
  readonly count: number;
  /** When the oldest entry was written; 0 if there are no entries. */
  readonly oldestMs: number;
}

/** One entry in the form in which it can be fixed. */
export interface OpenedDeadLetter {
  readonly deadLetter: StoredDeadLetter;
  /** The event in the form of `POST /v1/track`; empty when it cannot be read. */
  readonly eventJson: string;
  /** The position of the entry in DEAD. Changes with each fix. */
  readonly revision: number;
}

/** The changes that a person wants to make to an event. */
export interface DeadLetterEdit {
  /** The whole new event; empty to keep the current one. */
  readonly eventJson: string;
  /** Applied afterwards. An empty `valueJson` removes the value. */
  readonly edits: readonly { readonly path: string; readonly valueJson: string }[];
}

/** Shows events as they can be edited, and validates edited ones. The gate provides it. */
export interface EventFixer {
  /** Returns undefined if the text cannot be read as an event. */
  readonly editable: (stored: string) => string | undefined;
  /** Returns the event in the form in which it is stored. Throws `invalid_edit`. */
  readonly fix: (stored: string, edit: DeadLetterEdit) => string;
}

/** The events that could not be delivered, and what a person can do about them. */
export interface DeadLetterQueue {
  /** Throws `malformed_request` for a page token of another list, as `count` does. */
  list(filter: DeadLetterFilter, pageSize: number, pageToken: string): Promise<DeadLetterPage>;
  count(filter: DeadLetterFilter, pageToken: string): Promise<DeadLetterCounts>;
  /**
   * Throws `dead_letter_not_found`, as `fix`, `replay` and `discard` do. Those three also throw
   * `dead_letter_busy` while another caller changes the entry, and `dead_letter_changed` unless it has
   * the expected `revision`; 0: any.
   */
  get(id: string): Promise<OpenedDeadLetter>;
  /**
   * Replaces the entry's event. Also throws the errors of the fixer.
   */
  fix(id: string, revision: number, edit: DeadLetterEdit): Promise<OpenedDeadLetter>;
  /** Delivers the event to its destination again. Resolves to its position in REPLAY. */
  replay(id: string, revision?: number): Promise<number>;
  /** Gives the event up permanently; the entry is kept with the reason. */
  discard(id: string, why: string, revision?: number): Promise<void>;
  countOf(destination: string): Promise<DeadLetterCount>;
}

/** Completes what a crash has left half done, and returns the queue. */
export async function openDeadLetters(log: Log, fixer: EventFixer): Promise<DeadLetterQueue> {
  await recover(log);
  return createDeadLetterQueue(log, fixer);
}

export function createDeadLetterQueue(log: Log, fixer: EventFixer): DeadLetterQueue {
  const index = createIndex(log);
  const locks = createEntryLocks(log);

  const find = async (id: string): Promise<StoredMessage> =>
    (await index.find(id)) ?? refuseUnknown(id);

  /** Lets one caller at a time work; others get `dead_letter_busy` or `dead_letter_not_found`. */
  const settle = async <Value>(
    id: string,
    revision: number,
    work: (entry: StoredMessage) => Promise<Value>,
  ): Promise<Value> => {
    const { sequence } = await find(id);
    return locks.hold(sequence, async () => {
      const entry = await readMessage(log, 'DEAD', sequence);
      if (entry === undefined) return refuseUnknown(id);
      checkRevision(id, entry, revision);
      const value = await work(entry);
      // Delete the entry only after its replacement is stored: a crash may leave both, never
      // neither.
      await deleteMessage(log, 'DEAD', sequence);
      index.forget(id);
      await log.syncStream('DEAD');
      return value;
    });
  };

  return {
    list: (filter, pageSize, pageToken) => listPage(log, filter, pageSize, pageToken),
    count: (filter, pageToken) => countPage(log, filter, pageToken),
    get: async (id) => openEntry(await find(id), fixer),
    fix: (id, revision, edit) =>
      settle(id, revision, async (entry) => {
        const sequence = await storeFixed(log, fixer, id, entry, edit);
        return openEntry((await readMessage(log, 'DEAD', sequence))!, fixer);
      }),
    replay: (id, revision = 0) => settle(id, revision, (entry) => storeReplay(log, id, entry)),
    discard: (id, why, revision = 0) =>
      settle(id, revision, async (entry) => {
        const { destination } = splitEntry(entry.payload).fields;
        await log.store(
          'DEAD',
          subjects.discarded(destination, eventNameOf(entry.subject)),
          {
            [messageIdHeader]: `discarded:${destination}:${entry.sequence}`,
            [settlesHeader]: String(entry.sequence),
            ...headersOf(entry, [...passedHeaders, originHeader, rawEventHeader]),
          },
          discardedPayload(entry.payload, why, Date.now()),
        );
      }),
    countOf: async (destination) => {
      const subject = subjects.dead(destination, anyName);
      const [counts, oldest] = await Promise.all([
        countBySubject(log, 'DEAD', subject),
        readNext(log, 'DEAD', 1, subject),
      ]);
      return { count: sum(counts.values()), oldestMs: oldest?.storedAtMs ?? 0 };
    },
  };
}

function refuseUnknown(id: string): never {
  throw new ServiceError('dead_letter_not_found', `There is no dead letter ${id}.`);
}

function checkRevision(id: string, entry: StoredMessage, revision: number): void {
  if (revision === 0 || revision === entry.sequence) return;
  throw new ServiceError(
    'dead_letter_changed',
    `The dead letter ${id} has changed since it was read.`,
  );
}

function openEntry(message: StoredMessage, fixer: EventFixer): OpenedDeadLetter {
  const { eventText } = splitEntry(message.payload);
  return {
    deadLetter: readDeadLetter(message.payload),
    eventJson: (eventText === undefined ? undefined : fixer.editable(eventText)) ?? '',
    revision: message.sequence,
  };
}

async function storeReplay(log: Log, id: string, entry: StoredMessage): Promise<number> {
  const event = eventOfEntry(entry);
  if (event === undefined) throw new Error(`the dead letter ${id} holds no event`);
  const { destination } = splitEntry(entry.payload).fields;
  const { sequence } = await log.store(
    'REPLAY',
    subjects.replay(destination, eventNameOf(entry.subject)),
    {
      [messageIdHeader]: `replay:${destination}:${entry.sequence}`,
      [settlesHeader]: String(entry.sequence),
      ...headersOf(entry, [...passedHeaders, originHeader]),
    },
    event,
  );
  return sequence;
}

/** Room for the headers of an entry. */
const headersBytesMax = 4096;

/** Stores the fixed entry, which replaces the first: same subject and id, later in the stream. */
async function storeFixed(
  log: Log,
  fixer: EventFixer,
  id: string,
  entry: StoredMessage,
  edit: DeadLetterEdit,
): Promise<number> {
  const { fields, eventText } = splitEntry(entry.payload);
  if (eventText === undefined) {
    const what = 'is not JSON and cannot be fixed: discard it, or replay it as it is.';
    throw new ServiceError('invalid_edit', `The event of ${id} ${what}`);
  }
  const payload = fixedPayload(entry.payload, fixer.fix(eventText, edit), Date.now());
  const bytes = Buffer.byteLength(payload) + headersBytesMax;
  const bytesMax = log.messageBytesMax();
  if (bytes > bytesMax) {
    const what = `has ${bytes} bytes with its original beside it; NATS accepts ${bytesMax}`;
    throw new ServiceError('invalid_edit', `The fixed event ${what} (max_payload).`);
  }
  const { sequence } = await log.store(
    'DEAD',
    entry.subject,
    {
      [messageIdHeader]: `fixed:${fields.destination}:${entry.sequence}`,
      [entryIdHeader]: id,
      [settlesHeader]: String(entry.sequence),
      ...headersOf(entry, [...passedHeaders, originHeader]),
    },
    payload,
  );
  return sequence;
}

async function listPage(
  log: Log,
  filter: DeadLetterFilter,
  pageSize: number,
  pageToken: string,
): Promise<DeadLetterPage> {
  const { items, nextPageToken } = await walkDeadLetters(
    log,
    filter,
    pageToken,
    pageSize,
    ({ payload }) => readDeadLetter(payload),
  );
  const subject = subjectOf(filter);
  const counts = subject === undefined ? undefined : await countBySubject(log, 'DEAD', subject);
  return { deadLetters: items, nextPageToken, total: sum(counts?.values() ?? []) };
}

async function countPage(
  log: Log,
  filter: DeadLetterFilter,
  pageToken: string,
): Promise<DeadLetterCounts> {
  const reasons = createReasonCounts();
  let count = 0;
  const everything = Number.POSITIVE_INFINITY;
  const countOne = (_message: StoredMessage, { reason }: EntryFields): undefined => {
    reasons.add(reasonClassOf(reason), 1);
    count += 1;
  };
  const { nextPageToken, walk } = await walkDeadLetters(
    log,
    filter,
    pageToken,
    everything,
    countOne,
  );
  return { nextPageToken, walk, count, reasons: reasons.counts() };
}

/**
 * The newest positions that are read: more than there were since the first change that was running
 * when the process ended. Between replays, REPLAY has the copies of redeliveries, which are not read.
 */
const recovered = [
  { stream: 'REPLAY', subject: subjects.replay('*', anyName), positions: 65_536 },
  { stream: 'DEAD', subject: 'headgate.>', positions: 256 },
] as const;

/**
 * Checks the newest messages that replace an entry. If the entry still exists, a crash prevented
 * its deletion, so it is deleted now. Also checks id and age, so that a recreated DEAD stream,
 * which counts from 1 again, loses nothing.
 */
export async function recover(log: Log): Promise<void> {
  let deleted = 0;
  for (const { stream, subject, positions } of recovered) {
    const from = Math.max(1, (await boundsOf(log, stream)).last - positions + 1);
    for await (const message of readMatching(log, stream, subject, from)) {
      const settled = Number(message.header(settlesHeader));
      if (!(settled > 0)) continue;
      const entry = await readMessage(log, 'DEAD', settled);
      if (entry === undefined || !follows(message, entry)) continue;
      await deleteMessage(log, 'DEAD', settled);
      deleted += 1;
    }
  }
  if (deleted > 0) await log.syncStream('DEAD');
}

function follows(message: StoredMessage, entry: StoredMessage): boolean {
  const origin = message.header(originHeader);
  return (
    message.storedAtMs >= entry.storedAtMs &&
    origin === entry.header(originHeader) &&
    eventNameOf(message.subject) === eventNameOf(entry.subject) &&
    entryIdOf(entry).startsWith(`${message.subject.split('.').at(-2)}:`)
  );
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
