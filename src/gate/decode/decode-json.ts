import { isUtf8 } from 'node:buffer';

import { ServiceError } from '../../errors.ts';
import type { IncomingEvent } from '../../event/incoming-event.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../event/json/json.ts';
import { decodeJsonEvent, unreadableEvent } from './decode-json-event.ts';
import { readTime } from '../../event/time/time-text.ts';
import { holdsInfinity, nestingMax, nestsDeeper } from './event-draft.ts';
import { camelCase, snakeCase, type NameStyle } from './event-fields.ts';
import { parseShortest } from '../../event/exact-numbers.ts';
import { parseJson } from './parse-body.ts';
import type { IncomingBatch } from './incoming-batch.ts';
import { elementTexts, skipSpace } from './json-slices.ts';
import { checkMembersOnce } from './request-members.ts';
import { readBrokenBatch, type BatchBody } from './read-batch.ts';
import { trimmedEnd } from './split-batch.ts';
import { walkBody, type BodyWalk } from './walk-body.ts';

/*
 * Decodes JSON bodies into plain events. An error in one event is that event's fault and leaves the
 * others alone; an error in the request itself is a ServiceError (malformed_request, unknown_field,
 * empty_batch, too_many_events).
 */

/** The body of `POST /v1/track`: one event, flat. */
export function decodeTrackRest(body: Buffer): IncomingEvent {
  const text = textOf(body);
  const value = parseJson(text);
  if (!isJsonObject(value)) {
    throw new ServiceError('malformed_request', 'The body must be a JSON object: one event.');
  }
  const walk = walkBody(body, text, 'body');
  return decodeJsonEvent(value, exactOf(text, walk), 'rest', () => body, walk?.textsOf(0));
}

/** As `parseShortest`, which only looks for numbers if a walk found some, or there was none. */
function exactOf(text: string, walk: BodyWalk | undefined): JsonValue | undefined {
  return walk?.mayBeInexact === false ? undefined : parseShortest(text);
}

/** The body of the RPC Track: `{"event": {...}}`. */
export function decodeTrackConnect(body: Buffer): IncomingEvent {
  const text = textOf(body);
  const request = parseJson(text);
  const walk = isJsonObject(request) ? walkBody(body, text, 'event') : undefined;
  checkMembersOnce(text, request, { members: walk?.members });
  const value = requestMembers(request, ['event'], 'connect');
  const exact = exactOf(text, walk);
  const event = value['event'] ?? {};
  if (!isJsonObject(event)) {
    throw new ServiceError('malformed_request', '"event" must be a JSON object.');
  }
  return decodeJsonEvent(
    event,
    isJsonObject(exact) ? exact['event'] : undefined,
    'connect',
    () => body,
    walk?.textsOf(0),
  );
}

const batchMembers = ['events', 'context', 'sent_at', 'validate_only', 'historical'];

/** The body of `POST /v1/batch` and of the RPC BatchTrack. */
export function decodeBatchJson(
  body: Buffer,
  names: NameStyle,
  batchEventsMax: number,
): IncomingBatch {
  const { text, value: sent, broken } = readBatchBody(body, 'events', batchEventsMax);
  const isAsSent = broken === undefined;
  const walk = isAsSent && isJsonObject(sent) ? walkBody(body, text, 'events') : undefined;
  checkMembersOnce(text, sent, { members: walk?.members, isAsSent });
  const value = requestMembers(sent, batchMembers, names);
  const events = value['events'] ?? [];
  if (!Array.isArray(events)) {
    throw new ServiceError('malformed_request', '"events" must be an array of events.');
  }
  checkBatchSize(events.length, batchEventsMax);
  const exact = exactOf(text, walk);
  const exactEvents = isJsonObject(exact) ? exact['events'] : undefined;
  // Needed for rejected events only, so looked for when the first of them asks.
  let slices: string[] | undefined;
  const originalOf = (index: number): Uint8Array => {
    slices ??= elementTexts(text, 'events');
    return Buffer.from(slices[index] ?? JSON.stringify(events[index]));
  };
  return {
    events: events.map((event, index) => {
      const unread = broken?.get(index);
      if (unread !== undefined) return unreadableEvent(unread.message, () => unread.bytes);
      return decodeJsonEvent(
        event,
        Array.isArray(exactEvents) ? exactEvents[index] : undefined,
        names,
        () => originalOf(index),
        walk?.textsOf(index),
      );
    }),
    ...readBatchFields(value, names, isJsonObject(exact) ? exact['context'] : undefined),
  };
}

/** Whether a body is in the form of `POST /v1/batch` rather than of `/v1/track`. */
export function isBatchJson(body: Buffer): boolean {
  const { value } = readBatchBody(body, 'events', Infinity);
  return isJsonObject(value) && Object.hasOwn(value, 'events');
}

/**
 * Reads a body with several events. `broken` has those that are no JSON or no UTF-8, and is undefined in a
 * body that can be read as it is. Throws a ServiceError: `malformed_request`, `too_many_events`.
 *
 * @param memberName of the array of events; undefined: the body is the array.
 */
export function readBatchBody(
  body: Buffer,
  memberName: string | undefined,
  batchEventsMax: number,
): Pick<BatchBody, 'text' | 'value'> & Partial<BatchBody> {
  try {
    const text = textOf(body);
    return { text, value: parseJson(text) };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    const read = readBrokenBatch(body, memberName, batchEventsMax, (count) =>
      checkBatchSize(count, batchEventsMax),
    );
    if (read === undefined) throw error;
    return read;
  }
}

/** `application/x-ndjson`: one event a line; blank lines are passed over. */
export function decodeNdjson(body: Buffer, batchEventsMax: number): IncomingBatch {
  const lines = linesOf(body).filter((line) => typeof line !== 'string' || line !== '');
  checkBatchSize(lines.length, batchEventsMax);
  const events = lines.map((line) =>
    typeof line === 'string'
      ? decodeLine(line)
      : unreadableEvent('The line is not UTF-8.', () => line),
  );
  return { events, context: undefined, sentAt: '', validateOnly: false };
}

/** A line that is not UTF-8 stays as it came. */
function linesOf(body: Buffer): (string | Buffer)[] {
  const lines = body.toString('utf8').split('\n');
  if (isUtf8Text(lines, body)) return lines.map(trimmedLine);
  const start = [0];
  for (let at = body.indexOf(10); at !== -1; at = body.indexOf(10, at + 1)) start.push(at + 1);
  return lines.map((line, index) => {
    const bytes = body.subarray(start[index], (start[index + 1] ?? body.length + 1) - 1);
    return isUtf8(bytes) ? trimmedLine(line, index) : bytes;
  });
}

/** Without the space that JSON knows (RFC 8259 §2), and the first line without a byte order mark. */
function trimmedLine(line: string, index: number): string {
  const text = index === 0 ? withoutMark(line) : line;
  const from = skipSpace(text, 0);
  return text.slice(from, trimmedEnd(text, from, text.length));
}

/** A byte order mark is no part of the text: RFC 8259 §8.1 lets a reader pass it over. */
function withoutMark(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

/** A line that is no JSON spoils itself alone: the next line begins a new event. */
function decodeLine(line: string): IncomingEvent {
  const original = (): Uint8Array => Buffer.from(line);
  let value: JsonValue;
  let exact: JsonValue | undefined;
  try {
    value = parseJson(line);
    exact = parseShortest(line);
  } catch (error) {
    return unreadableEvent((error as Error).message.replace('The body', 'The line'), original);
  }
  return decodeJsonEvent(value, exact, 'rest', original);
}

/** Bytes that are no UTF-8 would become U+FFFD, and the event another one than was sent. */
export function textOf(body: Buffer): string {
  const text = body.toString('utf8');
  if (isUtf8Text([text], body)) return withoutMark(text);
  throw new ServiceError('malformed_request', 'The body is not UTF-8.');
}

/** U+FFFD is either in the bytes themselves or stands for some that are no UTF-8. */
function isUtf8Text(texts: readonly string[], bytes: Buffer): boolean {
  return !texts.some((text) => text.includes('\ufffd')) || isUtf8(bytes);
}

export function checkBatchSize(count: number, batchEventsMax: number): void {
  if (count === 0) {
    throw new ServiceError('empty_batch', 'The batch has no events. Send at least one.');
  }
  if (count > batchEventsMax) {
    throw new ServiceError(
      'too_many_events',
      `The batch has ${count} events; the limit is ${batchEventsMax} (limits.batch_events_max). Split it.`,
    );
  }
}

/** The members of a request under the contract's names. */
function requestMembers(
  value: JsonValue,
  members: readonly string[],
  names: NameStyle,
): JsonObject {
  if (!isJsonObject(value)) {
    throw new ServiceError('malformed_request', 'The body must be a JSON object.');
  }
  const known: JsonObject = {};
  for (const key in value) {
    // Longer than any member.
    const name = names === 'connect' && key.length < 60 ? snakeCase(key) : key;
    if (!members.includes(name)) {
      throw new ServiceError(
        'unknown_field',
        `The request has no field "${key.slice(0, 60)}". It takes ${shownNames(members, names)}.`,
      );
    }
    if (value[key] === null) continue;
    if (Object.hasOwn(known, name)) {
      throw new ServiceError(
        'malformed_request',
        `The request has "${name}" twice, as "${key}" too. Send it once.`,
      );
    }
    known[name] = value[key]!;
  }
  return known;
}

function shownNames(members: readonly string[], names: NameStyle): string {
  return (names === 'rest' ? members : members.map(camelCase)).join(', ');
}

function readBatchFields(
  value: JsonObject,
  names: NameStyle,
  exactContext: JsonValue | undefined,
): Pick<IncomingBatch, 'context' | 'sentAt' | 'validateOnly' | 'historical'> {
  const { context, sent_at: sentAt } = value;
  const shown = (name: string): string => (names === 'rest' ? name : camelCase(name));
  if (context !== undefined && !isJsonObject(context)) {
    throw new ServiceError('malformed_request', '"context" must be an object.');
  }
  const whole = context === undefined ? undefined : batchContext(context, exactContext);
  const isSet = (name: 'validate_only' | 'historical'): boolean => {
    const said = value[name] ?? false;
    if (typeof said === 'boolean') return said;
    throw new ServiceError('malformed_request', `"${shown(name)}" must be true or false.`);
  };
  const validateOnly = isSet('validate_only');
  const historical = isSet('historical');
  const sent =
    sentAt === undefined ? '' : typeof sentAt === 'string' ? readTime(sentAt) : undefined;
  if (sent === undefined) {
    throw new ServiceError('malformed_request', `"${shown('sent_at')}" must be an RFC 3339 time.`);
  }
  return { context: whole, sentAt: sent, validateOnly, historical };
}

/**
 * The context of a batch, with the numbers of its text where `exact` has them. Throws a ServiceError
 * `malformed_request`.
 */
export function batchContext(context: JsonObject, exact: JsonValue | undefined): JsonObject {
  if (nestsDeeper(context, nestingMax) || holdsInfinity(context)) {
    throw new ServiceError(
      'malformed_request',
      `"context" may nest ${nestingMax} levels deep at most, with numbers that a double can hold.`,
    );
  }
  return isJsonObject(exact) ? exact : context;
}
