import { eventIdOf, idempotencyKeyOf, isUuid } from '../event/event-id.ts';
import { eventNameOf, sourceOf } from '../event/delivery-attempt.ts';
import { isCanarySubject } from '../event/canary.ts';
import { compilePerson, decodeStoredEvent } from '../event/stored-event.ts';
import { vendorSystems } from '../event/vendor-call.ts';
import { originalOfAsideCopy } from '../jetstream/consume/aside/aside-copies.ts';
import { messageIdHeader, type Log } from '../jetstream/log.ts';
import { readMessage, type StoredMessage } from '../jetstream/read/read.ts';
import { anyName, subjects } from '../jetstream/topology.ts';
import type { IsOfPerson } from '../quarantine/rejected-person.ts';
import { nameOf } from '../quarantine/rejected-entry.ts';
import { readPageToken, writePageToken } from '../jetstream/read/page-token.ts';
import { walkPart, type WalkProgress } from '../jetstream/read/walk-pages.ts';

export interface Search {
  /**
   * An event_id, an idempotency_key, a correlation_id, or the id that a vendor's SDK gave the call
   * (messageId, uuid, $insert_id). Empty if `user` is not.
   */
  readonly id: string;
  /** The user id or anonymous id of a person; empty: the events with the id. */
  readonly user: string;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** An empty source or name matches any. */
  readonly source: string;
  readonly eventName: string;
}

export interface SearchPage {
  readonly stored: readonly StoredMessage[];
  /** Positions in REJECTED. */
  readonly rejected: readonly number[];
  readonly nextPageToken: string;
  readonly walk: WalkProgress;
}

/** One or more batches may share a correlation id. */
const foundMax = 100;

/** What one call reads for a person: more, because it has no time to begin at. Below a second. */
const personMessagesMax = 20_000;
const personBytesMax = 32 * 1024 * 1024;

/**
 * The usual lead of a producer's clock over ours. At 100,000 events a second, each additional
 * second reads 100,000 more events. A search without a result can be repeated with an earlier
 * start.
 */
const clockSkewMs = 250;
const earliestPlausibleMs = Date.UTC(2020, 0, 1);

/** When a UUID of version 7 was created: a Unix time in ms. Undefined if the id holds no time. */
export function timeOfUuid(id: string): number | undefined {
  if (!isUuid(id) || id[14] !== '7') return undefined;
  const timeMs = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
  return timeMs >= earliestPlausibleMs ? timeMs : undefined;
}

/**
 * The default start of a search, a Unix time in ms: no event is stored before its key is created.
 */
export function searchFrom(id: string, nowMs: number, daysMs: number): number {
  const madeMs = timeOfUuid(id);
  return madeMs === undefined ? nowMs - daysMs : Math.min(madeMs, nowMs) - clockSkewMs;
}

/**
 * Reads one page: a part of EVENTS, of REJECTED and of ASIDE, by direct reads only. Throws a
 * ServiceError `malformed_request` for a page token of another list. Rejects when the log cannot be
 * reached.
 */
export async function searchPage(
  log: Log,
  search: Search,
  pageToken: string,
  isOfPerson: IsOfPerson,
): Promise<SearchPage> {
  const [inEvents, inRejected, inAside] = readPageToken('located', 3, pageToken);
  const { isStored, isRejected, isCopy } = createMatchers(search, isOfPerson);
  const { sinceMs, untilMs, eventName } = search;
  const source = search.source === '' ? '*' : search.source;
  const time = { sinceMs, untilMs };
  const limits = {
    itemsMax: foundMax,
    ...(search.user !== '' && { messagesMax: personMessagesMax, bytesMax: personBytesMax }),
  };
  const [events, rejected, aside] = await Promise.all([
    walkPart(
      log,
      {
        stream: 'EVENTS',
        subjects: [subjects.eventsOf(source, eventName === '' ? anyName : eventName)],
        ...time,
      },
      inEvents!,
      limits,
      (message) => (isStored(message) ? message : undefined),
    ),
    walkPart(
      log,
      { stream: 'REJECTED', subjects: [subjects.rejectedOf(source)], ...time },
      inRejected!,
      limits,
      (message) => {
        if (eventName !== '' && nameOf(message) !== eventName) return undefined;
        return isRejected(message) ? message.sequence : undefined;
      },
    ),
    walkPart(
      log,
      // A copy is younger than its event.
      { stream: 'ASIDE', subjects: [subjects.asideOf('*')], sinceMs, untilMs: Infinity },
      inAside!,
      limits,
      async (message) => (isCopy(message) ? readAside(log, search, message) : undefined),
    ),
  ]);
  return {
    stored: [...(events?.items ?? []), ...withoutTwins(aside?.items ?? [])],
    rejected: rejected?.items ?? [],
    nextPageToken: writePageToken('located', [events?.next, rejected?.next, aside?.next]),
    // EVENTS is usually the longer stream.
    walk: (events ?? rejected ?? aside)!.walk,
  };
}

/** The event of a copy in ASIDE that is searched for, unless it is still in EVENTS. */
async function readAside(
  log: Log,
  search: Search,
  message: StoredMessage,
): Promise<StoredMessage | undefined> {
  const { source, eventName, untilMs } = search;
  const original = originalOfAsideCopy(message);
  if (source !== '' && sourceOf(original.subject) !== source) return undefined;
  if (eventName !== '' && eventNameOf(original.subject) !== eventName) return undefined;
  if (original.storedAtMs >= untilMs) return undefined;
  return (await readMessage(log, 'EVENTS', original.sequence)) === undefined ? original : undefined;
}

/** Nearly all copies are of other events: few of these are decoded. */
function isSearchedCopy(id: string, keys: readonly string[], message: StoredMessage): boolean {
  if (message.header('Headgate-Correlation-Id') === id) return true;
  const { buffer, byteOffset, length } = message.payload;
  const payload = Buffer.from(buffer, byteOffset, length);
  if (!keys.some((key) => payload.includes(key))) return false;
  const { eventId, idempotencyKey } = decodeStoredEvent(message.payload);
  return [eventId, idempotencyKey].some((one) => keys.includes(one.toLowerCase()));
}

/**
 * The idempotency keys that an event with this id may have, in lower case. An id that is no UUID is one
 * of a vendor's SDK, whose endpoint derives the key from it.
 */
function keysOf(id: string): readonly string[] {
  if (isUuid(id)) return [id.toLowerCase()];
  return vendorSystems.map((system) => idempotencyKeyOf(system, id));
}

/** Several destinations may have a copy of one event. */
function withoutTwins(messages: readonly StoredMessage[]): StoredMessage[] {
  return [...new Map(messages.map((message) => [message.sequence, message])).values()];
}

interface Ids {
  readonly source: string;
  readonly idempotencyKey: string;
  readonly correlationId: string;
}

function storedIds(message: StoredMessage): Ids {
  const source = sourceOf(message.subject);
  return {
    source,
    idempotencyKey: message.header(messageIdHeader).slice(source.length + 1),
    correlationId: message.header('Headgate-Correlation-Id'),
  };
}

function rejectedIds(message: StoredMessage): Ids {
  return {
    source: sourceOf(message.subject),
    idempotencyKey: message.header('Headgate-Idempotency-Key'),
    correlationId: message.header('Headgate-Correlation-Id'),
  };
}

function createMatchers({ id, user }: Search, isOfPerson: IsOfPerson) {
  if (user !== '') {
    const isOf = compilePerson(user);
    return {
      isStored: (message: StoredMessage) =>
        !isCanarySubject(message.subject) && isOf(message.payload),
      isRejected: (message: StoredMessage) => isOfPerson(message, user),
      isCopy: (message: StoredMessage) => isOf(message.payload),
    };
  }
  const keys = keysOf(id);
  const matches = createMatcher(id, keys);
  return {
    isStored: (message: StoredMessage) => matches(storedIds(message)),
    isRejected: (message: StoredMessage) => matches(rejectedIds(message)),
    isCopy: (message: StoredMessage) => isSearchedCopy(id, keys, message),
  };
}

/** The log does not store the event_id, so it is computed for each event. */
function createMatcher(id: string, keys: readonly string[]): (ids: Ids) => boolean {
  const mayBeEventId = isUuid(id) && keys[0]![14] === '5';
  return ({ source, idempotencyKey, correlationId }) =>
    correlationId === id ||
    keys.includes(idempotencyKey.toLowerCase()) ||
    (mayBeEventId && isUuid(idempotencyKey) && eventIdOf(source, idempotencyKey) === keys[0]);
}
