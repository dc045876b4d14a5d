import { eventIdOf, isUuid } from '../../event/event-id.ts';
import type { IncomingEvent } from '../../event/incoming-event.ts';
import type { JsonObject } from '../../event/json/json.ts';
import { encodeStoredEvent, knownTexts, unseen } from '../../event/stored-event.ts';
import { eventTimeOf, type RequestClock } from '../../event/time/event-time.ts';
import type { EventError, EventWarning, Verdict } from '../../event/verdict.ts';
import type { Producer } from '../intake/authenticate.ts';

/** Validates one event by envelope, taxonomy and schema. Never throws. */
export type ValidateEvent = (event: IncomingEvent) => {
  readonly error: EventError | undefined;
  readonly warnings: readonly EventWarning[];
  readonly schemaVersion: number;
  /** What to store, where that differs from what was sent: its name too, where it has an alias. */
  readonly event: IncomingEvent | undefined;
};

/** What decides about an event. It is the same for all events of a request. */
export interface DecisionRules {
  readonly producer: Producer;
  /** The event under its own name, where it was sent under an alias of it. */
  readonly nameSent: (event: IncomingEvent) => IncomingEvent;
  readonly validate: ValidateEvent;
  /** The limit for the event as it is stored, in bytes of UTF-8. */
  readonly eventBytesMax: number;
  /** When the request was accepted, in milliseconds since 1970. */
  readonly timestampMs: number;
  /** By which the times of the events are read. */
  readonly clock: RequestClock;
  /** The time of an event that has one already. */
  readonly eventTime?: string | undefined;
  /** From `encodeRequestPart`. It is part of the payload, so it counts towards the size. */
  readonly requestPart: string;
  /** Merged under each event's own context. */
  readonly batchContext: JsonObject | undefined;
}

/** Whether an event may be stored, and as what. */
export interface Decision {
  /** `accepted` or `rejected`, as long as nothing is stored. */
  readonly verdict: Verdict;
  /** As sent, with the batch's context; changed where the schema says so. */
  readonly event: IncomingEvent;
  /** Its name: of an event that was sent under an alias, not the alias. */
  readonly eventName: string;
  /** The JSON to store, from `encodeStoredEvent`. Not to be used for a rejected event. */
  readonly payload: string;
  /** Of its UTF-8. Undefined: not known yet. */
  readonly payloadBytes: number | undefined;
}

const noWarnings: readonly EventWarning[] = [];

/**
 * Decides about one event: the write key's event names, then envelope, contract and personal data
 * (`rules.validate`), then size and text. A pure function: the gate, `headgate validate`, fixes and
 * replays use it, so their verdicts cannot differ. Never throws.
 *
 * @param index the event's place in its request, from 0.
 * @param eventId for an event that has an id already; derived from source and key by default.
 */
export function decideEvent(
  rules: DecisionRules,
  sent: IncomingEvent,
  index: number,
  eventId: string = eventIdFor(rules.producer.source, sent.idempotencyKey),
): Decision {
  const { producer, batchContext, timestampMs, requestPart } = rules;
  const merged = batchContext === undefined ? sent : withContext(sent, batchContext);
  const { error, warnings, schemaVersion, event = merged } = validationOf(rules, merged);
  // One object, which `encodeStoredEvent` reads too: this is the hot path.
  const verdict: Writable<Verdict> = {
    index,
    idempotencyKey: sent.idempotencyKey,
    eventId,
    status: 'accepted',
    timestampMs,
    schemaVersion,
    sequence: 0,
    error,
    warnings,
  };
  let payload = '';
  let payloadBytes: number | undefined;
  if (error === undefined) {
    const eventTime = rules.eventTime ?? eventTimeOf(sent.occurredAt, rules.clock, sent.clock);
    payload = encodeStoredEvent(event, verdict, producer.source, requestPart, eventTime);
    const known = warnings.length === 0 ? knownTexts(event) : unseen;
    if (known.isAscii) payloadBytes = payload.length;
    verdict.error = sizeError(payload, rules.eventBytesMax);
    if (!known.isWellFormed) verdict.error ??= textError(payload);
  }
  if (verdict.error !== undefined) {
    verdict.status = 'rejected';
    verdict.warnings = noWarnings;
  }
  const { eventName } = verdict.error === undefined ? event : rules.nameSent(event);
  return { verdict, event, eventName, payload, payloadBytes };
}

/** An event with the context of its batch under its own, which may have been kept apart from it: see `replay.ts`. */
function withContext(event: IncomingEvent, batchContext: JsonObject): IncomingEvent {
  const { written } = event;
  const context = { ...batchContext, ...event.context };
  // Its decoder has not seen these texts.
  return { ...event, context, written: written && { ...written, seen: unseen } };
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** The verdicts on events that are only validated, in order. */
export function validateEvents(rules: DecisionRules, events: readonly IncomingEvent[]): Verdict[] {
  return events.map((event, index) => decideEvent(rules, event, index).verdict);
}

/** Empty where the key is no UUID: such an event is rejected. */
export function eventIdFor(source: string, idempotencyKey: string): string {
  return isUuid(idempotencyKey) ? eventIdOf(source, idempotencyKey) : '';
}

function validationOf(
  { producer, nameSent, validate }: DecisionRules,
  event: IncomingEvent,
): ReturnType<ValidateEvent> {
  const { fault, eventName } = event;
  if (fault === undefined && eventName !== '') {
    // Of an event that was sent under an alias, its own name counts.
    if (!producer.maySend(nameSent(event).eventName)) return notAllowed;
  }
  return producer.isCanary ? validHeartbeat : validate(event);
}

/** The canary's heartbeat has no contract: no taxonomy can name it. */
const validHeartbeat = {
  error: undefined,
  warnings: noWarnings,
  schemaVersion: 0,
  event: undefined,
} as const;

const notAllowed = {
  error: {
    code: 'event_not_allowed',
    message:
      'The write key may not send events of this name. Use another key, or widen its `events`.',
    violations: [
      {
        path: '/event_name',
        code: 'not_allowed',
        message: 'not among the events of this write key',
      },
    ],
  },
  warnings: noWarnings,
  schemaVersion: 0,
  event: undefined,
} as const;

/** UTF-16 code units take three bytes at most: most events are known to be small without counting. */
function sizeError(payload: string, eventBytesMax: number): EventError | undefined {
  if (payload.length * 3 <= eventBytesMax) return undefined;
  const size = Buffer.byteLength(payload);
  if (size <= eventBytesMax) return undefined;
  return {
    code: 'event_too_large',
    message:
      `The event takes ${size} bytes as stored; the limit is ${eventBytesMax} ` +
      '(limits.event_bytes_max). Send less, or put large content elsewhere and send its address.',
    violations: [{ path: '', code: 'bytes', message: `at most ${eventBytesMax} bytes` }],
  };
}

/** JSON can hold half of a surrogate pair, always as an escape. UTF-8 cannot, so no other form can. */
function textError(payload: string): EventError | undefined {
  if (!payload.includes('\\ud') || !/(?<!\\)(?:\\\\)*\\ud[89a-f]/.test(payload)) return undefined;
  const message =
    'A text holds half of a surrogate pair (\\ud800 to \\udfff), which is no character.';
  return { code: 'invalid_field', message, violations: [{ path: '', code: 'unicode', message }] };
}
