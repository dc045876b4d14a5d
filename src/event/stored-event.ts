import type { EventWarning } from './verdict.ts';
import type { IncomingEvent, SeenTexts, WrittenMembers } from './incoming-event.ts';
import { isJsonObject, type JsonObject } from './json/json.ts';
import { parseJsonText } from './json/parse-json.ts';
import { eventTimeOf, requestClock } from './time/event-time.ts';
import { inOnePiece } from './json/one-piece.ts';
import { readTime, timeText } from './time/time-text.ts';
import type { VendorCall } from './vendor-call.ts';

/** What the server adds to an event when it accepts it: the part of its verdict that is stored. */
export interface Acceptance {
  readonly eventId: string;
  readonly timestampMs: number;
  readonly schemaVersion: number;
  readonly warnings: readonly EventWarning[];
}

/** What the events of one request have in common. Empty if not sent. */
export interface RequestFacts {
  readonly correlationId: string;
  /** W3C trace context. */
  readonly traceparent: string;
  /** RFC 3339. */
  readonly sentAt: string;
  /** The request imports events of the past. */
  readonly historical?: boolean | undefined;
}

/** An event as the log holds it: the ProtoJSON of `headgate.v1.StoredEvent`. */
export interface StoredEvent {
  readonly eventId: string;
  readonly eventName: string;
  readonly source: string;
  /** RFC 3339, UTC, milliseconds. */
  readonly timestamp: string;
  /** When it happened: `eventTimeOf`. Absent in events of earlier versions: `readEventTime`. */
  readonly eventTime?: string;
  readonly userId?: string;
  readonly anonymousId?: string;
  readonly idempotencyKey: string;
  readonly schemaVersion?: number;
  readonly properties?: JsonObject;
  readonly context?: JsonObject;
  readonly occurredAt?: string;
  readonly sentAt?: string;
  readonly historical?: boolean;
  readonly vendorCall?: VendorCall;
  readonly correlationId?: string;
  readonly traceparent?: string;
  readonly warnings?: readonly EventWarning[];
}

/** The fields that a request gives to each of its events, as JSON text. */
export function encodeRequestPart(request: RequestFacts): string {
  let text = `,"correlationId":"${escaped(request.correlationId)}"`;
  if (request.sentAt !== '') text += `,"sentAt":"${request.sentAt}"`;
  if (request.historical === true) text += ',"historical":true';
  if (request.traceparent !== '') text += `,"traceparent":"${request.traceparent}"`;
  return inOnePiece(text);
}

/**
 * Writes the ProtoJSON of a StoredEvent, field by field rather than through one object: most of it
 * is ids and names that passed validation, in which nothing needs an escape. The text of
 * `properties` is spliced in as it came where a second stringify would change it.
 *
 * @param requestPart from `encodeRequestPart`: the same for all events of a request.
 * @param eventTime from `eventTimeOf`.
 */
export function encodeStoredEvent(
  event: IncomingEvent,
  acceptance: Acceptance,
  source: string,
  requestPart: string,
  eventTime: string = timeText(acceptance.timestampMs),
): string {
  // Each piece of a text costs V8 10 ns when it is copied into one, so there are few.
  const inQuotes = knownTexts(event).isPlain ? asItIs : escaped;
  let text =
    `{"eventId":"${acceptance.eventId}","eventName":"${inQuotes(event.eventName)}` +
    `${receivedPart(source, acceptance.timestampMs)}${eventTime}`;
  if (event.userId !== '') text += `","userId":"${inQuotes(event.userId)}`;
  if (event.anonymousId !== '') text += `","anonymousId":"${inQuotes(event.anonymousId)}`;
  text += `","idempotencyKey":"${event.idempotencyKey}"`;
  if (acceptance.schemaVersion !== 0) text += `,"schemaVersion":${acceptance.schemaVersion}`;
  text += membersText(event);
  if (event.occurredAt !== '') text += `,"occurredAt":"${event.occurredAt}"`;
  if (event.vendorCall !== undefined) text += `,"vendorCall":${JSON.stringify(event.vendorCall)}`;
  text += requestPart;
  if (acceptance.warnings.length > 0) text += `,"warnings":${JSON.stringify(acceptance.warnings)}`;
  // It is held until it is acknowledged, and its pieces would take twice the memory.
  return inOnePiece(`${text}}`);
}

let lastSource = '';
let lastTimestampMs = NaN;
let lastReceivedPart = '';

/** What the events of a request have in common, from the end of their name to the text of `eventTime`. */
function receivedPart(source: string, timestampMs: number): string {
  if (timestampMs !== lastTimestampMs || source !== lastSource) {
    lastSource = source;
    lastTimestampMs = timestampMs;
    lastReceivedPart = inOnePiece(
      `","source":"${source}","timestamp":"${timeText(timestampMs)}","eventTime":"`,
    );
  }
  return lastReceivedPart;
}

/** What its decoder saw of the texts of an event, unless it has others by now. */
export function knownTexts({ written, properties, vendorCall }: IncomingEvent): SeenTexts {
  return written?.properties === properties && vendorCall === undefined ? written.seen : unseen;
}

/** Nothing is known of the texts. */
export const unseen: SeenTexts = { isPlain: false, isWellFormed: false, isAscii: false };

/**
 * What can be said of the texts in a JSON text.
 *
 * @param isAscii whether the JSON text is known to be.
 */
export function seenInJson(hasEscape: boolean, isAscii: boolean): SeenTexts {
  return { isPlain: !hasEscape, isWellFormed: !hasEscape, isAscii: isAscii && !hasEscape };
}

const propertiesName = ',"properties":';
const contextName = ',"context":';

function membersText({ properties, propertiesText, context, written }: IncomingEvent): string {
  const ownProperties = written?.properties === properties ? written.propertiesText : undefined;
  const text = propertiesName + (propertiesText ?? ownProperties ?? JSON.stringify(properties));
  if (context === undefined) return text;
  const ownContext = written?.context === context ? written.contextText : undefined;
  return text + contextName + (ownContext ?? JSON.stringify(context));
}

/**
 * Finds the members of a parsed stored event in its text. Undefined if they do not stand there as
 * `JSON.stringify` writes them, such as with a number that a double would change.
 *
 * @param isAscii whether the text is known to be.
 */
export function findWritten(
  text: string,
  properties: JsonObject,
  context: JsonObject | undefined,
  isAscii = false,
): WrittenMembers | undefined {
  // No brace before it: it is a member of the event itself.
  const start = text.indexOf('{', 1);
  const from = start - propertiesName.length;
  if (from < 0 || !text.startsWith(propertiesName, from)) return undefined;
  const textAt = (value: JsonObject, at: number): string | undefined => {
    const written = JSON.stringify(value);
    return text.startsWith(written, at) ? written : undefined;
  };
  try {
    const propertiesText = textAt(properties, start);
    if (propertiesText === undefined) return undefined;
    const contextAt = start + propertiesText.length + contextName.length;
    const contextText = context === undefined ? undefined : textAt(context, contextAt);
    if (context !== undefined) {
      const hasName = text.startsWith(contextName, contextAt - contextName.length);
      if (!hasName || contextText === undefined) return undefined;
    }
    const seen = seenInJson(text.includes('\\'), isAscii);
    return { properties, propertiesText, context, contextText, seen };
  } catch {
    // It nests too deep for the stack.
    return undefined;
  }
}

/** Most ids need no JSON escape; checking costs a quarter of `JSON.stringify`. */
const plain = /^[\w .:@/+-]*$/;

/** A text as it stands between quotes in JSON. */
function escaped(text: string): string {
  return plain.test(text) ? text : JSON.stringify(text).slice(1, -1);
}

/** Of a text in which nothing needs an escape. */
function asItIs(text: string): string {
  return text;
}

const decoder = new TextDecoder();

/** Reads what `encodeStoredEvent` wrote. Throws a SyntaxError or TypeError on anything else. */
export function decodeStoredEvent(payload: Uint8Array | string): StoredEvent {
  const value = parseJsonText(typeof payload === 'string' ? payload : decoder.decode(payload));
  if (!isJsonObject(value) || typeof value['eventId'] !== 'string') {
    throw new TypeError('not a stored event: it has no eventId');
  }
  return value as unknown as StoredEvent;
}

/**
 * When an event happened. Of an event that an earlier version stored, by the same rule from what it has:
 * RFC 3339. `timestamp` if that is no time.
 */
export function readEventTime(event: StoredEvent): string {
  const { eventTime, timestamp, occurredAt = '', sentAt = '' } = event;
  if (eventTime !== undefined) return eventTime;
  const receivedMs = Date.parse(timestamp);
  const occurred = readTime(occurredAt) ?? '';
  if (occurred === '' || Number.isNaN(receivedMs)) return timestamp;
  const clock = requestClock(timestamp, receivedMs, sentAt, isHistorical(event));
  return eventTimeOf(occurred, clock, undefined);
}

/** Whether an event was imported. Earlier versions kept only what PostHog's SDKs say about it. */
export function isHistorical({ historical, context }: StoredEvent): boolean {
  const posthog = context?.['posthog'];
  return (
    historical === true ||
    (posthog !== undefined && isJsonObject(posthog) && posthog['historical_migration'] === true)
  );
}

/**
 * Returns whether a stored event is of a person, by its user id or its anonymous id. The gate writes an
 * id as JSON does, so that a payload without that text needs no parsing.
 */
export function compilePerson(user: string): (payload: Uint8Array) => boolean {
  const quoted = Buffer.from(JSON.stringify(user));
  return (payload) => {
    const { buffer, byteOffset, byteLength } = payload;
    if (!Buffer.from(buffer, byteOffset, byteLength).includes(quoted)) return false;
    try {
      const { userId, anonymousId } = decodeStoredEvent(payload);
      return userId === user || anonymousId === user;
    } catch {
      return false;
    }
  };
}
