import { eventIdOf, idempotencyKeyOf, isUuid } from '../event/event-id.ts';
import { sourceOf } from '../event/delivery-attempt.ts';
import { isCanarySubject } from '../event/canary.ts';
import { compilePerson, decodeStoredEvent } from '../event/stored-event.ts';
import { vendorSystems } from '../event/vendor-call.ts';
import { messageIdHeader } from '../jetstream/log.ts';
import type { StoredMessage } from '../jetstream/read/read.ts';
import type { RejectedEvents } from '../quarantine/rejected-events.ts';
import { compileProperty } from './property.ts';

/** What an event must have one of. Empty texts match none. */
export interface Wanted {
  /**
   * An event_id, an idempotency_key, a correlation_id, or the id that a vendor's SDK gave the call
   * (messageId, uuid, $insert_id).
   */
  readonly id: string;
  /** The user id or anonymous id of a person. */
  readonly user: string;
  /** The value of a property, or `name=value`. */
  readonly property: string;
}

/** Which messages of each stream have what is searched for. */
export interface Matchers {
  readonly isStored: (message: StoredMessage) => boolean;
  readonly isRejected: (message: StoredMessage) => boolean;
  /** A stored event outside of EVENTS, whose headers have no message id. */
  readonly isCopy: (message: Pick<StoredMessage, 'payload' | 'header'>) => boolean;
}

/** How rejected events are read: each endpoint has a form of its own. */
export type ReadRejected = Pick<RejectedEvents, 'isOfPerson' | 'decode'>;

/** An event matches if it has the id, is of the person, or has the property. */
export function createMatchers({ id, user, property }: Wanted, rejected: ReadRejected): Matchers {
  const all: Matchers[] = [];
  if (id !== '') all.push(idMatchers(id));
  if (user !== '') all.push(personMatchers(user, rejected));
  if (property !== '') all.push(propertyMatchers(property, rejected));
  return {
    isStored: (message) => all.some(({ isStored }) => isStored(message)),
    isRejected: (message) => all.some(({ isRejected }) => isRejected(message)),
    isCopy: (message) => all.some(({ isCopy }) => isCopy(message)),
  };
}

function idMatchers(id: string): Matchers {
  const keys = keysOf(id);
  const matches = createMatcher(id, keys);
  return {
    isStored: (message) => matches(storedIds(message)),
    isRejected: (message) => matches(rejectedIds(message)),
    isCopy: (message) => isSearchedCopy(id, keys, message),
  };
}

function personMatchers(user: string, { isOfPerson }: ReadRejected): Matchers {
  const isOf = compilePerson(user);
  return {
    isStored: ({ subject, payload }) => !isCanarySubject(subject) && isOf(payload),
    isRejected: (message) => isOfPerson(message, user),
    isCopy: ({ payload }) => isOf(payload),
  };
}

function propertyMatchers(property: string, { decode }: ReadRejected): Matchers {
  const { isStored, isRejected } = compileProperty(property);
  return {
    isStored: ({ subject, payload }) => !isCanarySubject(subject) && isStored(payload),
    isRejected: (message) => {
      const isJson = message.header('Headgate-Content-Type').includes('json');
      return isRejected(message.payload, isJson, () => decode(message));
    },
    isCopy: ({ payload }) => isStored(payload),
  };
}

/** Nearly all copies are of other events: few of these are decoded. */
function isSearchedCopy(
  id: string,
  keys: readonly string[],
  message: Pick<StoredMessage, 'payload' | 'header'>,
): boolean {
  if (message.header('Headgate-Correlation-Id') === id) return true;
  const { buffer, byteOffset, length } = message.payload;
  const payload = Buffer.from(buffer, byteOffset, length);
  if (!keys.some((key) => payload.includes(key))) return false;
  try {
    const { eventId, idempotencyKey } = decodeStoredEvent(message.payload);
    return [eventId, idempotencyKey].some((one) => keys.includes(one.toLowerCase()));
  } catch {
    // A dead letter may hold JSON that is no event.
    return false;
  }
}

/**
 * The idempotency keys that an event with this id may have, in lower case. An id that is no UUID is one
 * of a vendor's SDK, whose endpoint derives the key from it.
 */
function keysOf(id: string): readonly string[] {
  if (isUuid(id)) return [id.toLowerCase()];
  return vendorSystems.map((system) => idempotencyKeyOf(system, id));
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

/** The log does not store the event_id, so it is computed for each event. */
function createMatcher(id: string, keys: readonly string[]): (ids: Ids) => boolean {
  const mayBeEventId = isUuid(id) && keys[0]![14] === '5';
  return ({ source, idempotencyKey, correlationId }) =>
    correlationId === id ||
    keys.includes(idempotencyKey.toLowerCase()) ||
    (mayBeEventId && isUuid(idempotencyKey) && eventIdOf(source, idempotencyKey) === keys[0]);
}
