import { isUtf8 } from 'node:buffer';

import { sourcePattern } from '../../config/write-key.ts';
import type { IncomingEvent } from '../../event/incoming-event.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../event/json/json.ts';
import { parseJsonText } from '../../event/json/parse-json.ts';
import { isHistorical, readEventTime, type StoredEvent } from '../../event/stored-event.ts';
import { futureMaxMs } from '../../event/time/event-time.ts';
import { readTime, timeText } from '../../event/time/time-text.ts';
import { vendorCallKinds, vendorSystems, type VendorCall } from '../../event/vendor-call.ts';
import { textOfEvent } from '../decode/decode-original.ts';
import { parseExactly } from '../decode/exact-json.ts';
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
 */
export function decodeForwarded(
  bytes: Uint8Array,
  nowMs: number,
): ForwardedEvent | UnreadableForward {
  let idempotencyKey = '';
  try {
    const text = decoder.decode(bytes);
    if (text.includes('\ufffd') && !isUtf8(bytes)) throw new UnreadableError('it is not UTF-8');
    const value = parsed(text);
    idempotencyKey = textOf(value, 'idempotencyKey');
    return readForwarded(value, text, bytes.length, nowMs);
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
): ForwardedEvent {
  const source = textOf(value, 'source');
  if (!sourcePattern.test(source)) throw new UnreadableError('source is not a source');
  const correlationId = textOf(value, 'correlationId');
  if (correlationId !== '' && !correlationPattern.test(correlationId)) {
    throw new UnreadableError('correlationId has characters that are not printable ASCII');
  }
  const traceparent = textOf(value, 'traceparent');
  const takenAt = timeOf(value, 'timestamp');
  if (takenAt === '') throw new UnreadableError('it has no timestamp');
  const event = readEvent(value, text);
  textOf(value, 'eventTime');
  const stored = value as unknown as StoredEvent;
  const eventTime = knownTime(readEventTime(stored));
  // A clock that is far ahead is that of the relay: the gate dates the event by its own.
  const isCredible = eventTime !== undefined && eventTime <= latestTime(nowMs);
  return {
    source,
    takenAt,
    correlationId,
    traceparent: traceparentPattern.test(traceparent) ? traceparent : '',
    sentAt: timeOf(value, 'sentAt'),
    historical: isHistorical(stored),
    event: {
      ...event,
      vendorCall: readVendorCall(value['vendorCall']),
      clock: isCredible ? { eventTime } : undefined,
    },
    bytes,
  };
}

function readEvent(value: JsonObject, text: string): IncomingEvent {
  const draft = createDraft();
  draft.eventName = textOf(value, 'eventName');
  draft.userId = textOf(value, 'userId');
  draft.anonymousId = textOf(value, 'anonymousId');
  draft.idempotencyKey = textOf(value, 'idempotencyKey');
  draft.properties = objectOf(value, 'properties') ?? {};
  draft.context = objectOf(value, 'context');
  draft.occurredAt = timeOf(value, 'occurredAt');
  draft.schemaVersion = versionOf(value['schemaVersion']);
  addExactNumbers(draft, text);
  const event = finishDraft(draft, () => Buffer.from(textOfEvent(event)));
  return event;
}

function addExactNumbers(draft: EventDraft, text: string): void {
  let exact: JsonValue | undefined;
  try {
    exact = parseExactly(text);
  } catch {
    throw new UnreadableError('it nests too deep');
  }
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

function timeOf(value: JsonObject, name: string): string {
  const text = textOf(value, name);
  const time = text === '' ? '' : knownTime(text);
  if (time !== undefined) return time;
  throw new UnreadableError(`${name} is not a time`);
}

/** The times of one request come with each of its events: reading one costs more than the rest of it. */
const knownTimes = new Map<string, string>();
const knownTimesMax = 256;

function knownTime(text: string): string | undefined {
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
