import { ServiceError } from '../../../errors.ts';
import type { IncomingEvent } from '../../../event/incoming-event.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../event/json/json.ts';
import type { OwnClock } from '../../../event/time/event-time.ts';
import type { VendorCall } from '../../../event/vendor-call.ts';
import type { EventError } from '../../../event/verdict.ts';
import { decodeJsonEvent, unreadableEvent } from '../decode-json-event.ts';
import { checkBatchSize, readBatchBody, textOf } from '../decode-json.ts';
import { nestingMax, nestsDeeper } from '../event-draft.ts';
import { parseShortest } from '../../../event/exact-numbers.ts';
import { parseJson } from '../parse-body.ts';
import { checkMembersOnce } from '../request-members.ts';
import { isMissing, type MissingKeys } from './missing-keys.ts';
import type { BrokenElement } from '../read-batch.ts';

/*
 * A vendor's event is translated into the names of the contract, as `POST /v1/track` takes it, and then
 * decoded like any other. Quarantine keeps that text of a rejected one, so that it can be shown, edited,
 * cleared of personal data and replayed like any other.
 */

/** One event, or one call, of a vendor in the names of the contract. */
export interface Translation {
  readonly event: JsonObject;
  /** Why the contract cannot express it. */
  readonly fault?: EventError;
  /** The event's own time as it was sent. */
  readonly time?: JsonValue | undefined;
  /** Undefined if no SDK of a vendor sent it. */
  readonly call?: VendorCall | undefined;
  /** What the protocol says about the event's time besides that. */
  readonly clock?: OwnClock | undefined;
}

/** What a vendor's protocol has of its own. */
export interface VendorRules {
  readonly translate: Translate;
  /** Gives keys to events without an id. Undefined: such an event is rejected. */
  readonly missingKeys?: MissingKeys;
  /** The largest event in bytes; undefined: only the gate's limit counts. */
  readonly eventBytesMax?: number;
}

/** Must not look into values that it only passes on: it also gets exact numbers, which are objects. */
export type Translate = (sent: JsonObject) => Translation;

/** A body of JSON, and the same with its numbers as they were written where a double changes them. */
export interface VendorBody {
  readonly value: JsonValue;
  readonly exact: JsonValue | undefined;
  /** Of a batch: by their place, the elements that cannot be read. */
  readonly broken?: ReadonlyMap<number, BrokenElement>;
}

export interface VendorBatchBody extends VendorBody {
  /** Valid JSON, with `null` in place of what cannot be read. */
  readonly text: string;
}

/** A request with one event, which may have its key beside it. Throws a ServiceError `malformed_request`. */
export function readVendorRequest(body: Buffer): VendorBody {
  const text = textOf(body);
  const value = parseJson(text);
  checkMembersOnce(text, value);
  return { value, exact: parseShortest(text) };
}

/** Throws a ServiceError `malformed_request`. */
export function readVendorBody(body: Buffer): VendorBody {
  const text = textOf(body);
  return { value: parseJson(text), exact: parseShortest(text) };
}

/**
 * The same for a batch, which is the body or its member `name`: an element that is no JSON leaves the
 * others as they are. Throws a ServiceError: `malformed_request`, `too_many_events`.
 */
export function readVendorBatch(
  body: Buffer,
  name: string | undefined,
  batchEventsMax: number,
): VendorBatchBody {
  const { text, value, broken } = readBatchBody(body, name, batchEventsMax);
  checkMembersOnce(text, value, { isAsSent: broken === undefined });
  return { text, value, exact: parseShortest(text), ...(broken !== undefined && { broken }) };
}

/** The same of the member that has the batch. */
export function memberOf(body: VendorBody, name: string): VendorBody | undefined {
  const { value, exact } = body;
  if (!isJsonObject(value) || !Object.hasOwn(value, name)) return undefined;
  return { ...body, value: value[name]!, exact: isJsonObject(exact) ? exact[name] : undefined };
}

/** Throws a ServiceError: `malformed_request`, `empty_batch`, `too_many_events`. */
export function decodeVendorBatch(
  events: VendorBody | undefined,
  rules: VendorRules,
  batchEventsMax: number,
): IncomingEvent[] {
  const elements = events?.value;
  if (!Array.isArray(elements)) {
    throw new ServiceError(
      'malformed_request',
      'The body has no array of events where one belongs.',
    );
  }
  checkBatchSize(elements.length, batchEventsMax);
  const { exact, broken } = events!;
  return elements.map((value, index) => {
    const unread = broken?.get(index);
    if (unread !== undefined) return unreadableEvent(unread.message, () => unread.bytes);
    return decodeVendor({ value, exact: Array.isArray(exact) ? exact[index] : undefined }, rules);
  });
}

/** Never throws: what is wrong is a fault of the event. */
export function decodeVendor(
  { value, exact }: VendorBody,
  { translate, missingKeys, eventBytesMax = Infinity }: VendorRules,
): IncomingEvent {
  if (!isJsonObject(value)) {
    return unreadableEvent('An event must be a JSON object.', () => kept(exact ?? value));
  }
  const { event: translated, fault, time, call: vendorCall, clock } = translate(value);
  const inExact = isJsonObject(exact) ? translate(exact).event : undefined;
  let event = inExact === undefined ? translated : withTextsOf(inExact, translated);
  if (missingKeys !== undefined && isMissing(event['idempotency_key'])) {
    // What nests deeper is rejected, whatever its key.
    const ownTime = nestsDeeper(value, levelsMax) ? undefined : time;
    const key = missingKeys.keyFor(isJsonObject(exact) ? exact : value, ownTime);
    event = { ...event, idempotency_key: key };
  }
  const exactEvent = inExact === undefined ? undefined : withNumbersOf(inExact, event);
  const decoded = decodeJsonEvent(event, exactEvent, 'rest', () => kept(exactEvent ?? event));
  const wrong = fault ?? tooLarge(value, eventBytesMax);
  return { ...decoded, vendorCall, clock, fault: wrong ?? decoded.fault };
}

const textNames = ['user_id', 'anonymous_id', 'idempotency_key', 'occurred_at'] as const;

/** An id beyond 2^53, or a time in nanoseconds, that is a number has its digits in the exact form only. */
function withTextsOf(exact: JsonObject, event: JsonObject): JsonObject {
  const names = textNames.filter(
    (name) => typeof exact[name] === 'string' && event[name] !== exact[name],
  );
  return names.length === 0
    ? event
    : { ...event, ...Object.fromEntries(names.map((name) => [name, exact[name]!])) };
}

/** Of the exact form: properties and context. All other fields are the same in both by now. */
function withNumbersOf(exact: JsonObject, event: JsonObject): JsonObject {
  const { properties, context } = exact;
  return {
    ...event,
    ...(properties !== undefined && { properties }),
    ...(context !== undefined && { context }),
  };
}

/** Two levels more than the contract lets in: the event itself, and `properties` or `context`. */
const levelsMax = nestingMax + 2;

/** What nests too deep to be walked, and so to be written, is cut off there. */
function kept(value: JsonValue): Buffer {
  return Buffer.from(
    JSON.stringify(nestsDeeper(value, levelsMax) ? cutBelow(value, levelsMax) : value),
  );
}

function cutBelow(value: JsonValue, levels: number): JsonValue {
  if (typeof value !== 'object' || value === null) return value;
  if (levels === 0) return '(cut off: it nests too deep)';
  if (Array.isArray(value)) return value.map((element) => cutBelow(element, levels - 1));
  const members = Object.entries(value).map(([name, member]) => [
    name,
    cutBelow(member, levels - 1),
  ]);
  return Object.fromEntries(members) as JsonObject;
}

function tooLarge(sent: JsonObject, eventBytesMax: number): EventError | undefined {
  if (eventBytesMax === Infinity || nestsDeeper(sent, levelsMax)) return undefined;
  const size = Buffer.byteLength(JSON.stringify(sent));
  if (size <= eventBytesMax) return undefined;
  const message = `The event takes ${size} bytes; the limit of this endpoint is ${eventBytesMax}.`;
  return {
    code: 'event_too_large',
    message: `${message} Send less, or put large content elsewhere and send its address.`,
    violations: [{ path: '', code: 'bytes', message: `at most ${eventBytesMax} bytes` }],
  };
}
