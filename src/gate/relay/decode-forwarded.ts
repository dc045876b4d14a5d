import { isUtf8 } from 'node:buffer';

import { sourcePattern } from '../../config/write-key.ts';
import type { IncomingEvent } from '../../event/incoming-event.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../event/json/json.ts';
import { parseJsonText } from '../../event/json/parse-json.ts';
import {
  findWritten,
  isHistorical,
  readEventTime,
  type StoredEvent,
} from '../../event/stored-event.ts';
import { futureMaxMs } from '../../event/time/event-time.ts';
import { readTime, timeText } from '../../event/time/time-text.ts';
import { vendorCallKinds, vendorSystems, type VendorCall } from '../../event/vendor-call.ts';
import { textOfEvent } from '../decode/decode-original.ts';
import { parseShortest } from '../../event/exact-numbers.ts';
import { createDraft, finishDraft, type EventDraft } from '../decode/event-draft.ts';
import { correlationPattern, traceparentPattern } from '../exchange.ts';

/** An event that another gate has stored, and what that gate knew of its request. */
export interface ForwardedEvent {
  readonly source: string;
  /** When the other gate took it: RFC 3339, UTC, milliseconds. */
  readonly takenAt: string;
  readonly correlationId: string;
  readonly traceparent: string;
  readonly sentAt: string;
  readonly historical: boolean;
  readonly event: IncomingEvent;
  /** Of its JSON. */
  readonly bytes: number;
}

/** What the events of one request to the other gate have in common. */
export type RequestThere = Pick<
  ForwardedEvent,
  'source' | 'correlationId' | 'takenAt' | 'sentAt' | 'traceparent' | 'historical'
>;

/** What cannot be read: why, and what is known of the event. */
export interface UnreadableForward {
  readonly fault: string;
  readonly idempotencyKey: string;
}

const decoder = new TextDecoder();

/**
 * Decodes the ProtoJSON of a StoredEvent that another gate forwarded. It comes from outside, so every
 * field is checked. Never throws.
 *
 * @param nowMs when it arrived, in Unix time: an event time far ahead of that is not believed.
 * @param last the event before it: what they have in common, most often all of their request, is not
 *   checked again.
 */
export function decodeForwarded(
  bytes: Uint8Array,
  nowMs: number,
  last?: RequestThere,
): ForwardedEvent | UnreadableForward {
  let idempotencyKey = '';
  try {
    const text = decoder.decode(bytes);
    if (text.includes('\ufffd') && !isUtf8(bytes)) throw new UnreadableError('it is not UTF-8');
    const value = parsed(text);
    idempotencyKey = textOf(value, 'idempotencyKey');
    return readForwarded(value, text, bytes.length, nowMs, last);
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    const fault = `The event is not a StoredEvent: ${error.message}.`;
    return { fault, idempotencyKey };
  }
}

/** Compared as text, which is right to a millisecond: times have 3, 6 or 9 digits of a second. */
function latestTime(nowMs: number): string {
  return timeText(nowMs + futureMaxMs);
}

class UnreadableError extends Error {}

function parsed(text: string): JsonObject {
  let value: JsonValue;
  try {
    value = parseJsonText(text);
  } catch {
    // The error of the parser quotes the text, which may be personal data.
    throw new UnreadableError('it is not JSON');
  }
  if (isJsonObject(value)) return value;
  throw new UnreadableError('it is not a JSON object');
}

function readForwarded(
  value: JsonObject,
  text: string,
  bytes: number,
  nowMs: number,
  last: RequestThere | undefined,
): ForwardedEvent {
  const source = textOf(value, 'source');
  if (source !== last?.source && !sourcePattern.test(source))
    throw new UnreadableError('source is not a source');
  const correlationId = textOf(value, 'correlationId');
  const isKnown = correlationId === '' || correlationId === last?.correlationId;
  if (!isKnown && !correlationPattern.test(correlationId)) {
    throw new UnreadableError('correlationId has characters that are not printable ASCII');
  }
  const traceparent = textOf(value, 'traceparent');
  const takenAt = timeOf(value, 'timestamp', last?.takenAt);
  if (takenAt === '') throw new UnreadableError('it has no timestamp');
  const event: Writable<IncomingEvent> = readEvent(value, text, text.length === bytes);
  textOf(value, 'eventTime');
  const stored = value as unknown as StoredEvent;
  const eventTime = knownTime(readEventTime(stored), takenAt);
  // A clock that is far ahead is that of the relay: the gate dates the event by its own.
  const isCredible = eventTime !== undefined && eventTime <= latestTime(nowMs);
  // The event is ours alone by now, and this is the hot path: no copy.
  event.vendorCall = readVendorCall(value['vendorCall']);
  event.clock = isCredible ? { eventTime } : undefined;
  const isTrace = traceparent === last?.traceparent || traceparentPattern.test(traceparent);
  return {
    source,
    takenAt,
    correlationId,
    traceparent: isTrace ? traceparent : '',
    sentAt: timeOf(value, 'sentAt', last?.sentAt),
    historical: isHistorical(stored),
    event,
    bytes,
  };
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

function readEvent(value: JsonObject, text: string, isAscii: boolean): IncomingEvent {
  const draft = createDraft();
  draft.eventName = textOf(value, 'eventName');
  draft.userId = textOf(value, 'userId');
  draft.anonymousId = textOf(value, 'anonymousId');
  draft.idempotencyKey = textOf(value, 'idempotencyKey');
  const properties = objectOf(value, 'properties') ?? {};
  const context = objectOf(value, 'context');
  draft.properties = properties;
  draft.context = context;
  draft.occurredAt = timeOf(value, 'occurredAt');
  draft.schemaVersion = versionOf(value['schemaVersion']);
  const written = findWritten(text, properties, context, isAscii);
  if (written === undefined) addExactNumbers(draft, text);
  const event: Writable<IncomingEvent> = finishDraft(draft, () => Buffer.from(textOfEvent(event)));
  event.written = written;
  return event;
}

function addExactNumbers(draft: EventDraft, text: string): void {
  const exact = parseShortest(text);
  if (exact === undefined || !isJsonObject(exact)) return;
  draft.inexact = true;
  draft.exactProperties = exact['properties'];
  const { context } = exact;
  if (context !== undefined && isJsonObject(context)) draft.exactContext = context;
}

function textOf(value: JsonObject, name: string): string {
  const member = value[name];
  if (member === undefined) return '';
  if (typeof member === 'string') return member;
  throw new UnreadableError(`${name} is not a text`);
}

function objectOf(value: JsonObject, name: string): JsonObject | undefined {
  const member = value[name];
  if (member === undefined || isJsonObject(member)) return member;
  throw new UnreadableError(`${name} is not an object`);
}

function timeOf(value: JsonObject, name: string, last?: string): string {
  const text = textOf(value, name);
  const time = text === '' ? '' : knownTime(text, last);
  if (time !== undefined) return time;
  throw new UnreadableError(`${name} is not a time`);
}

/** The times of one request come with each of its events: reading one costs more than the rest of it. */
const knownTimes = new Map<string, string>();
const knownTimesMax = 256;

function knownTime(text: string, last: string | undefined): string | undefined {
  if (text === last) return last;
  const known = knownTimes.get(text);
  if (known !== undefined) return known;
  const time = readTime(text);
  if (knownTimes.size >= knownTimesMax) knownTimes.clear();
  if (time !== undefined) knownTimes.set(text, time);
  return time;
}

function versionOf(value: JsonValue | undefined): number {
  if (value === undefined) return 0;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 32) {
    return value;
  }
  throw new UnreadableError('schemaVersion is not a whole number');
}

const callTexts = ['eventName', 'messageId', 'contextMember'] as const;
const callLists = ['moved', 'copied', 'own'] as const;

/** Unknown members are left out: destinations of this gate could not use them. */
function readVendorCall(value: JsonValue | undefined): VendorCall | undefined {
  if (value === undefined) return undefined;
  if (!isJsonObject(value)) throw new UnreadableError('vendorCall is not an object');
  const { system, call } = value;
  if (!vendorSystems.some((known) => known === system)) {
    throw new UnreadableError('vendorCall.system is not known to this gate');
  }
  if (!vendorCallKinds.some((known) => known === call)) {
    throw new UnreadableError('vendorCall.call is not known to this gate');
  }
  const read: Record<string, JsonValue> = { system: system!, call: call! };
  for (const name of callTexts) {
    if (value[name] !== undefined) read[name] = textOf(value, name);
  }
  for (const name of callLists) {
    const list = value[name];
    if (list === undefined) continue;
    if (!Array.isArray(list) || !list.every((one) => typeof one === 'string')) {
      throw new UnreadableError(`vendorCall.${name} is not a list of texts`);
    }
    read[name] = list;
  }
  return read as unknown as VendorCall;
}
