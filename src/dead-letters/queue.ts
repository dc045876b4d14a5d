import { ServiceError } from '../errors.ts';
import { eventNameOf } from '../event/delivery-attempt.ts';
import { messageIdHeader, type Log } from '../jetstream/log.ts';
import type { PublishAck } from '../jetstream/publish/publish-ack.ts';
import { replayedSince } from '../jetstream/consume/destination-consumer.ts';
import {
  countBySubject,
  deleteMessage,
  readMessage,
  readNext,
  type StoredMessage,
} from '../jetstream/read/read.ts';
import type { WalkProgress } from '../jetstream/read/walk/walk-pages.ts';
import { anyName, subjects } from '../jetstream/topology.ts';
import {
  discardedPayload,
  entryIdHeader,
  eventOfEntry,
  fixedPayload,
  isSameFix,
  kindOf,
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
import { recover } from './recover.ts';
import {
  createSettle,
  refuseChanged,
  refuseUnknown,
  type DeadLetterChange,
} from './settle-entry.ts';
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
   * the expected `revision`; 0: any. After another error the change may have been made: the same one
   * again is safe.
   */
  get(id: string): Promise<OpenedDeadLetter>;
  /**
   * Replaces the entry's event. Also throws the errors of the fixer, and `dead_letter_changed` if an
   * earlier fix, whose caller got an error, is stored and has made another event of it.
   */
  fix(id: string, revision: number, edit: DeadLetterEdit): Promise<OpenedDeadLetter>;
  /**
   * Delivers the event to its destination again. Resolves to its position in REPLAY. Also throws
   * `destination_not_found` if the destination has no consumer that would take it.
   */
  replay(id: string, revision?: number): Promise<number>;
  /** Gives the event up permanently; the entry is kept with the reason. */
  discard(id: string, why: string, revision?: number): Promise<void>;
  countOf(destination: string): Promise<DeadLetterCount>;
}

/** Completes what a crash has left half done, and returns the queue. */
export async function openDeadLetters(log: Log, fixer: EventFixer): Promise<DeadLetterQueue> {
  return createDeadLetterQueue(log, fixer, await recover(log));
}

/** `recovered`: up to where no change is half done. */
export function createDeadLetterQueue(
  log: Log,
  fixer: EventFixer,
  recovered = { REPLAY: 0, DEAD: 0 },
): DeadLetterQueue {
  const index = createIndex(log, recovered);
  const settle = createSettle(log, index);

  return {
    list: (filter, pageSize, pageToken) => listPage(log, filter, pageSize, pageToken),
    count: (filter, pageToken) => countPage(log, filter, pageToken),
    get: async (id) => {
      // A fix whose acknowledgement was lost is there, beside the entry that it replaces.
      await index.refresh();
      return openEntry((await index.find(id)) ?? refuseUnknown(id), fixer);
    },
    fix: (id, revision, edit) => settle(id, revision, fixOf(log, fixer, id, edit)),
    replay: (id, revision = 0) => settle(id, revision, replayOf(log, id)),
    discard: async (id, why, revision = 0) => {
      await settle(id, revision, discardOf(log, id, why));
    },
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

function openEntry(
  message: Pick<StoredMessage, 'payload' | 'sequence'>,
  fixer: EventFixer,
): OpenedDeadLetter {
  const { eventText } = splitEntry(message.payload);
  return {
    deadLetter: readDeadLetter(message.payload),
    eventJson: (eventText === undefined ? undefined : fixer.editable(eventText)) ?? '',
    revision: message.sequence,
  };
}

function replayOf(log: Log, id: string): DeadLetterChange<number> {
  return {
    name: 'replay',
    repeated: (_entry, replacement) => {
      if (kindOf(replacement) === 'dead') return undefined;
      return kindOf(replacement) === 'replay' ? replacement.sequence : refuseUnknown(id);
    },
    store: async (entry) => {
      const event = eventOfEntry(entry);
      if (event === undefined) throw new Error(`the dead letter ${id} holds no event`);
      const { destination } = splitEntry(entry.payload).fields;
      const sinceMs = (await replayedSince(log, destination)) ?? refuseRemoved(id, destination);
      const send = (messageId: string): Promise<PublishAck> =>
        log.store(
          'REPLAY',
          subjects.replay(destination, eventNameOf(entry.subject)),
          {
            [messageIdHeader]: messageId,
            [settlesHeader]: String(entry.sequence),
            ...headersOf(entry, [...passedHeaders, originHeader]),
          },
          event,
        );
      let messageId = `replay:${destination}:${entry.sequence}`;
      let sent = await send(messageId);
      if (sent.duplicate) {
        const known = await readMessage(log, 'REPLAY', sent.sequence);
        // A recreated stream DEAD counts from 1 again, and REPLAY still knows the ids of the first.
        const isOther = known !== undefined && !Buffer.from(event).equals(known.payload);
        // One that is gone was delivered, unless the destination was removed since.
        const isLost = known === undefined && sinceMs > entry.storedAtMs;
        if (isOther || isLost) {
          messageId += `:${entry.storedAtMs}${isLost ? `:${sent.sequence}` : ''}`;
          sent = await send(messageId);
        }
      }
      if ((await replayedSince(log, destination)) === sinceMs) return sent.sequence;
      // Removed meanwhile: the copy would wait for ever, and the entry is kept.
      await deleteMessage(log, 'REPLAY', sent.sequence);
      return refuseRemoved(id, destination);
    },
  };
}

function refuseRemoved(id: string, destination: string): never {
  throw new ServiceError(
    'destination_not_found',
    `Nothing would deliver the dead letter ${id}: the destination ${destination} was removed, or has never run. ` +
      'Start a gate that has it in its configuration, or discard the dead letter.',
  );
}

/** The reason of an earlier discard stays. */
function discardOf(log: Log, id: string, why: string): DeadLetterChange<true> {
  return {
    name: 'discard',
    repeated: (_entry, replacement) => {
      if (kindOf(replacement) === 'dead') return undefined;
      return kindOf(replacement) === 'discarded' ? true : refuseUnknown(id);
    },
    store: async (entry) => {
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
      return true;
    },
  };
}

/** Room for the headers of an entry. */
const headersBytesMax = 4096;

/** Stores the fixed entry, which replaces the first: same subject and id, later in the stream. */
function fixOf(
  log: Log,
  fixer: EventFixer,
  id: string,
  edit: DeadLetterEdit,
): DeadLetterChange<OpenedDeadLetter> {
  return {
    name: 'fix',
    repeated: (entry, replacement) => {
      if (kindOf(replacement) !== 'dead') return refuseUnknown(id);
      const payload = fixedEntry(log, fixer, id, entry, edit);
      if (!isSameFix(payload, replacement.payload)) refuseChanged(id);
      return openEntry(replacement, fixer);
    },
    store: async (entry) => {
      const { destination } = splitEntry(entry.payload).fields;
      const payload = fixedEntry(log, fixer, id, entry, edit);
      const { sequence, duplicate } = await log.store(
        'DEAD',
        entry.subject,
        {
          [messageIdHeader]: `fixed:${destination}:${entry.sequence}`,
          [entryIdHeader]: id,
          [settlesHeader]: String(entry.sequence),
          ...headersOf(entry, [...passedHeaders, originHeader]),
        },
        payload,
      );
      if (!duplicate) return openEntry({ payload, sequence }, fixer);
      // An earlier fix, which the log has stored after its caller had given up on it.
      const stored = await readMessage(log, 'DEAD', sequence);
      if (stored === undefined || !isSameFix(payload, stored.payload)) return refuseChanged(id);
      return openEntry(stored, fixer);
    },
  };
}

/** Throws a ServiceError if the edit is not accepted. */
function fixedEntry(
  log: Log,
  fixer: EventFixer,
  id: string,
  entry: StoredMessage,
  edit: DeadLetterEdit,
): Uint8Array {
  const { eventText } = splitEntry(entry.payload);
  if (eventText === undefined) {
    const what = 'is not JSON and cannot be fixed: discard it, or replay it as it is.';
    throw new ServiceError('invalid_edit', `The event of ${id} ${what}`);
  }
  const payload = Buffer.from(fixedPayload(entry.payload, fixer.fix(eventText, edit), Date.now()));
  const bytes = payload.length + headersBytesMax;
  const bytesMax = log.messageBytesMax();
  if (bytes > bytesMax) {
    const what = `has ${bytes} bytes with its original beside it; NATS accepts ${bytesMax}`;
    throw new ServiceError('invalid_edit', `The fixed event ${what} (max_payload).`);
  }
  return payload;
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
