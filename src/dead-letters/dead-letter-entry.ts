import type { DeliveryAttempt, GivenUpEvent } from '../event/delivery-attempt.ts';
import { eventNameOf } from '../event/delivery-attempt.ts';
import { isJsonObject } from '../event/json/json.ts';
import type { StoredEvent } from '../event/stored-event.ts';
import { messageIdHeader } from '../jetstream/log.ts';
import { subjects } from '../jetstream/topology.ts';

/** A message of the stream DEAD. */
export interface DeadMessage {
  readonly subject: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: string;
}

/**
 * The position in EVENTS of a replayed event. It identifies the event if it fails again and becomes
 * another entry.
 */
export const originHeader = 'Headgate-Origin-Sequence';

/**
 * The base64 bytes of an event that is not JSON. Such an event cannot be part of the entry's JSON,
 * and must not be lost.
 */
export const rawEventHeader = 'Headgate-Raw-Event';

/** The id of a fixed entry. */
export const entryIdHeader = 'Headgate-Dead-Letter';

/**
 * The position in DEAD of the entry that this message (a replay, a discarded or a fixed entry)
 * replaces. After a crash, both may exist.
 */
export const settlesHeader = 'Headgate-Settles';

/**
 * The id of an entry, which makes it harmless to write the entry twice. The id of an event from
 * REPLAY also contains its position there: JetStream remembers the id of the first entry long after
 * that entry was deleted, and would drop the new entry as a duplicate.
 */
export function deadLetterId(event: GivenUpEvent): string {
  const { destination, stream, message } = event;
  if (stream === 'EVENTS') return `${destination}:${message.sequence}`;
  return `${destination}:${originOf(event)}:${message.sequence}`;
}

/** The position in EVENTS of an event; '0' for a replay of an earlier release that does not say it. */
export function originOf({ stream, message }: GivenUpEvent): string {
  if (stream === 'EVENTS') return String(message.sequence);
  const origin = message.header(originHeader);
  return /^\d+$/.test(origin) ? origin : '0';
}

/** The entry of an event that was given up, with all of its attempts. `id`: `deadLetterId`, or one made from it. */
export function encodeDeadLetter(
  event: GivenUpEvent,
  attempts: readonly DeliveryAttempt[],
  nowMs: number,
  id: string,
): DeadMessage {
  const { destination, stream, message } = event;
  const eventText = jsonObjectText(message.payload);
  const fields = {
    id,
    destination,
    sequence: String(message.sequence),
    stream,
    reason: event.reason,
    attempts,
    deadAt: new Date(nowMs).toISOString(),
  };
  const headers: Record<string, string> = {
    [messageIdHeader]: id,
    [originHeader]: originOf(event),
  };
  for (const name of passedHeaders) {
    const value = message.header(name);
    if (value !== '') headers[name] = value;
  }
  if (eventText === undefined) {
    headers[rawEventHeader] = Buffer.from(message.payload).toString('base64');
  }
  return {
    subject: subjects.dead(destination, eventNameOf(message.subject)),
    headers,
    payload: spliceEvent(fields, eventText),
  };
}

/** The headers that an event keeps when it moves between streams. */
export const passedHeaders = ['Headgate-Correlation-Id', 'traceparent', 'tracestate'];

/**
 * Inserts the event's text unchanged: parsing and writing it again would change large numbers.
 */
function spliceEvent(fields: Record<string, unknown>, eventText: string | undefined): string {
  const text = JSON.stringify(fields);
  return eventText === undefined ? text : `${text.slice(0, -1)}${eventMark}${eventText}}`;
}

/**
 * The event is the last field. This text cannot occur earlier: inside a string its quotes would be
 * escaped, and no earlier field has this name.
 */
const eventMark = ',"event":';

const strictDecoder = new TextDecoder('utf-8', { fatal: true });
const decoder = new TextDecoder();

function jsonObjectText(payload: Uint8Array): string | undefined {
  try {
    const text = strictDecoder.decode(payload);
    return isJsonObject(JSON.parse(text)) ? text : undefined;
  } catch {
    return undefined;
  }
}

/** The parts of a message that are needed to read an entry. */
export interface EntryMessage {
  readonly payload: Uint8Array;
  header(name: string): string;
}

/** The event of an entry, byte for byte as it was stored; undefined if the entry has no event. */
export function eventOfEntry(message: EntryMessage): Uint8Array | string | undefined {
  const raw = message.header(rawEventHeader);
  return raw === '' ? splitEntry(message.payload).eventText : Buffer.from(raw, 'base64');
}

/** The fields of an entry except its event, in ProtoJSON. */
export interface EntryFields extends Record<string, unknown> {
  readonly id: string;
  readonly destination: string;
  readonly reason: string;
  /** RFC 3339, UTC, milliseconds. */
  readonly deadAt: string;
}

/** `dead` for an entry, also a fixed one; what replaces one for good is a `replay` or `discarded`. */
export function kindOf({ subject }: { readonly subject: string }): string {
  return subject.split('.')[1]!;
}

/** Splits an entry without parsing its event, which may be large. */
export function splitEntry(payload: Uint8Array): {
  readonly fields: EntryFields;
  readonly eventText: string | undefined;
} {
  const text = decoder.decode(payload);
  const at = text.indexOf(eventMark);
  const fields = JSON.parse(at === -1 ? text : `${text.slice(0, at)}}`) as EntryFields;
  return { fields, eventText: at === -1 ? undefined : text.slice(at + eventMark.length, -1) };
}

/** The same entry with the time and the reason of its discarding. */
export function discardedPayload(payload: Uint8Array, why: string, nowMs: number): string {
  const { fields, eventText } = splitEntry(payload);
  const discardedAt = new Date(nowMs).toISOString();
  return spliceEvent({ ...fields, discardedAt, discardedWhy: why }, eventText);
}

/** The same entry with another event; the text of the original event is kept next to it. */
export function fixedPayload(payload: Uint8Array, eventText: string, nowMs: number): string {
  const { fields, eventText: former } = splitEntry(payload);
  const fixedAt = new Date(nowMs).toISOString();
  return spliceEvent({ originalEventJson: former, ...fields, fixedAt }, eventText);
}

/** Whether two fixed entries have the same event, whenever they were fixed. */
export function isSameFix(one: Uint8Array, other: Uint8Array): boolean {
  const [left, right] = [one, other].map((payload) => {
    const { fields, eventText } = splitEntry(payload);
    return JSON.stringify([{ ...fields, fixedAt: undefined }, eventText]);
  });
  return left === right;
}

/** The id of an entry. A fixed entry has a different message id than the original. */
export function entryIdOf(message: EntryMessage): string {
  return message.header(entryIdHeader) || message.header(messageIdHeader);
}

/** An entry as stored in the log: the ProtoJSON of `headgate.v1.DeadLetter`. */
export interface StoredDeadLetter extends EntryFields {
  /** A uint64, which ProtoJSON writes as a string. */
  readonly sequence: string;
  readonly stream: GivenUpEvent['stream'];
  readonly attempts: readonly DeliveryAttempt[];
  /** Absent if the event is not JSON. May also be JSON that is not an event. */
  readonly event?: StoredEvent;
  readonly discardedAt?: string;
  readonly discardedWhy?: string;
  readonly fixedAt?: string;
  /** The event's text before the first fix. */
  readonly originalEventJson?: string;
}

/** Reads an entry with its event. Throws a SyntaxError if it is not JSON. */
export function readDeadLetter(payload: Uint8Array): StoredDeadLetter {
  return JSON.parse(decoder.decode(payload)) as StoredDeadLetter;
}
