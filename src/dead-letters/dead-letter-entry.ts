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
 * Of a replayed event: its position in EVENTS, so that an entry written when it fails again is known
 * as the same event's.
 */
export const originHeader = 'Headgate-Origin-Sequence';

/**
 * The bytes of an event that is no JSON, in base64: such an event cannot be part of the entry's
 * JSON, and it must not be lost either.
 */
export const rawEventHeader = 'Headgate-Raw-Event';

/** The id of an entry that was fixed. */
export const entryIdHeader = 'Headgate-Dead-Letter';

/**
 * Of what follows from an entry (a replay, a discarded or a fixed entry): the position in DEAD of the
 * entry that it replaces. A crash may have left both.
 */
export const settlesHeader = 'Headgate-Settles';

/**
 * The id of an entry, under which writing it twice is harmless. With the replay's own place for an
 * event that came from REPLAY: JetStream remembers the id of the first entry long after that is
 * gone, and would drop the new one as its duplicate.
 */
export function deadLetterId(event: GivenUpEvent): string {
  const { destination, stream, message } = event;
  if (stream === 'EVENTS') return `${destination}:${message.sequence}`;
  return `${destination}:${originOf(event)}:${message.sequence}`;
}

function originOf({ stream, message }: GivenUpEvent): string {
  if (stream === 'EVENTS') return String(message.sequence);
  const origin = message.header(originHeader);
  return /^\d+$/.test(origin) ? origin : '0';
}

/** The entry of an event that was given up, with the story of its attempts. */
export function encodeDeadLetter(
  event: GivenUpEvent,
  attempts: readonly DeliveryAttempt[],
  nowMs: number,
): DeadMessage {
  const { destination, stream, message } = event;
  const id = deadLetterId(event);
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

/** What an event keeps on all its ways. */
export const passedHeaders = ['Headgate-Correlation-Id', 'traceparent', 'tracestate'];

/**
 * The event's own text goes in as it is: parsing and writing it again would change large numbers.
 */
function spliceEvent(fields: Record<string, unknown>, eventText: string | undefined): string {
  const text = JSON.stringify(fields);
  return eventText === undefined ? text : `${text.slice(0, -1)}${eventMark}${eventText}}`;
}

/**
 * The event is the last field, and this text cannot stand earlier: inside a string its quotes would
 * be escaped, and no field before it has this name.
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

/** What a reader of an entry needs of its message. */
export interface EntryMessage {
  readonly payload: Uint8Array;
  header(name: string): string;
}

/** The event of an entry, byte for byte as it was stored; undefined when it has none. */
export function eventOfEntry(message: EntryMessage): Uint8Array | string | undefined {
  const raw = message.header(rawEventHeader);
  return raw === '' ? splitEntry(message.payload).eventText : Buffer.from(raw, 'base64');
}

/** The fields of an entry besides its event, as ProtoJSON has them. */
export interface EntryFields extends Record<string, unknown> {
  readonly id: string;
  readonly destination: string;
  readonly reason: string;
  /** RFC 3339, UTC, milliseconds. */
  readonly deadAt: string;
}

/** An entry without a look into its event, which may be large. */
export function splitEntry(payload: Uint8Array): {
  readonly fields: EntryFields;
  readonly eventText: string | undefined;
} {
  const text = decoder.decode(payload);
  const at = text.indexOf(eventMark);
  const fields = JSON.parse(at === -1 ? text : `${text.slice(0, at)}}`) as EntryFields;
  return { fields, eventText: at === -1 ? undefined : text.slice(at + eventMark.length, -1) };
}

/** The same entry with when and why a person discarded it. */
export function discardedPayload(payload: Uint8Array, why: string, nowMs: number): string {
  const { fields, eventText } = splitEntry(payload);
  const discardedAt = new Date(nowMs).toISOString();
  return spliceEvent({ ...fields, discardedAt, discardedWhy: why }, eventText);
}

/** The same entry with another event, and the one it had at first as a text beside it. */
export function fixedPayload(payload: Uint8Array, eventText: string, nowMs: number): string {
  const { fields, eventText: former } = splitEntry(payload);
  const fixedAt = new Date(nowMs).toISOString();
  return spliceEvent({ originalEventJson: former, ...fields, fixedAt }, eventText);
}

/** The id of an entry: a fixed one is stored under another message id than the first. */
export function entryIdOf(message: EntryMessage): string {
  return message.header(entryIdHeader) || message.header(messageIdHeader);
}

/** An entry as the log holds it: the ProtoJSON of `headgate.v1.DeadLetter`. */
export interface StoredDeadLetter extends EntryFields {
  /** A uint64, which ProtoJSON writes as a string. */
  readonly sequence: string;
  readonly stream: GivenUpEvent['stream'];
  readonly attempts: readonly DeliveryAttempt[];
  /** Missing where the event is not JSON. It may also be JSON that is not an event. */
  readonly event?: StoredEvent;
  readonly discardedAt?: string;
  readonly discardedWhy?: string;
  readonly fixedAt?: string;
  /** The event's own text as it was before the first fix. */
  readonly originalEventJson?: string;
}

/** Reads an entry with its event. Throws a SyntaxError for what is not JSON. */
export function readDeadLetter(payload: Uint8Array): StoredDeadLetter {
  return JSON.parse(decoder.decode(payload)) as StoredDeadLetter;
}
