import { isDeepStrictEqual } from 'node:util';

import { eventIdOf, isUuid, messageIdOf } from '../../event/event-id.ts';
import type { IncomingEvent } from '../../event/incoming-event.ts';
import type { JsonObject } from '../../event/json/json.ts';
import { parseJsonText } from '../../event/json/parse-json.ts';
import {
  decodeStoredEvent,
  encodeRequestPart,
  encodeStoredEvent,
  type StoredEvent,
} from '../../event/stored-event.ts';
import type { EventError, EventWarning, Verdict } from '../../event/verdict.ts';
import type { Signals } from '../../observability/signals.ts';
import type { Admission } from '../intake/admission.ts';
import type { Producer } from '../intake/authenticate.ts';
import type { IncomingBatch } from '../decode/incoming-batch.ts';

/** What is known of the request that an event came with. */
export interface Arrival {
  readonly producer: Producer;
  readonly correlationId: string;
  /** Empty when the request had none. */
  readonly traceparent: string;
  readonly tracestate: string;
  /** `rest`, `connect`, `grpc`, `grpc_web`, or the system whose form it came in: `segment`. */
  readonly door: string;
  /** Of the bytes that `IncomingEvent.original` gives. */
  readonly contentType: string;
}

/** An event on its way into the log. */
export interface EventToStore {
  readonly source: string;
  readonly eventName: string;
  readonly messageId: string;
  /** What `AcceptOptions.arrivalHeaders` made of the request. */
  readonly arrivalHeaders: string;
  readonly payload: string;
}

/** A rejected event on its way into quarantine. */
export interface EventToReject {
  readonly source: string;
  /** As sent: it may be no name at all. */
  readonly eventName: string;
  readonly idempotencyKey: string;
  readonly receivedAtMs: number;
  readonly arrival: Arrival;
  readonly error: EventError;
  /** As it was sent, or what is left of that without personal data. */
  readonly original: Uint8Array;
  /** What the request gave to each of its events, and is no part of `original`. */
  readonly batchContext: JsonObject | undefined;
  readonly sentAt: string;
  readonly redacted: boolean;
}

export interface StoreAck {
  readonly sequence: number;
  readonly duplicate: boolean;
}

/** What the gate is handed: it knows neither the log nor the schemas. */
export interface AcceptOptions {
  readonly validate: (event: IncomingEvent) => {
    readonly error: EventError | undefined;
    readonly warnings: readonly EventWarning[];
    readonly schemaVersion: number;
    /** What is to be stored, where that is not what was sent. */
    readonly event: IncomingEvent | undefined;
  };
  /** What the log keeps beside each event of a request; made once for all of them. */
  readonly arrivalHeaders: (arrival: Arrival) => string;
  /** What is kept of a rejected event in the place of its bytes; undefined: the bytes. */
  readonly redactRejected: (
    event: IncomingEvent,
  ) => { readonly bytes: Uint8Array; readonly keepsForm: boolean } | undefined;
  /** Calls back once the event is as safe as promised, or with why it may not be. */
  readonly store: (
    event: EventToStore,
    callback: (
      ack: StoreAck | undefined,
      failure: { readonly publicText: string } | undefined,
    ) => void,
  ) => void;
  readonly reject: (event: EventToReject, callback: (failure: string | undefined) => void) => void;
  /** What the log has at a place: asked for duplicates only. */
  readonly readStored: (sequence: number) => Promise<StoredEvent | undefined>;
  readonly admission: Admission;
  readonly signals: Signals;
  readonly eventBytesMax: number;
}

/**
 * Validates and stores every event of a request. Calls one of the two, once: with a verdict for each
 * event, in order, or with a ServiceError `overloaded`.
 */
export type AcceptEvents = (
  batch: IncomingBatch,
  arrival: Arrival,
  onVerdicts: (verdicts: Verdict[]) => void,
  onError: (error: unknown) => void,
) => void;

/** The same as a promise, for what is not the hot path. */
export function acceptedVerdicts(
  accept: AcceptEvents,
  batch: IncomingBatch,
  arrival: Arrival,
): Promise<Verdict[]> {
  return new Promise((resolve, reject) => accept(batch, arrival, resolve, reject));
}

const noWarnings: readonly EventWarning[] = [];
const noViolations = [] as const;

/**
 * One request on its way through. It does not hold the events: what an event was decoded into is
 * garbage once it is written to the log, and thousands of them waiting for their acknowledgements
 * cost the collector a tenth of all time (docs/understand/hot-path.md).
 */
interface Passage {
  readonly options: AcceptOptions;
  readonly arrival: Arrival;
  readonly arrivalHeaders: string;
  readonly requestPart: string;
  readonly batchContext: JsonObject | undefined;
  readonly sentAt: string;
  readonly validateOnly: boolean;
  readonly startedAt: number;
  readonly timestampMs: number;
  readonly verdicts: Verdict[];
  /** Events without a verdict yet. */
  open: number;
  readonly resolve: (verdicts: Verdict[]) => void;
}

function createPassage(
  options: AcceptOptions,
  batch: IncomingBatch,
  arrival: Arrival,
  resolve: (verdicts: Verdict[]) => void,
): Passage {
  const { correlationId, traceparent } = arrival;
  const count = batch.events.length;
  const verdicts: Verdict[] = [];
  verdicts.length = count;
  return {
    options,
    arrival,
    arrivalHeaders: options.arrivalHeaders(arrival),
    requestPart: encodeRequestPart({ correlationId, traceparent, sentAt: batch.sentAt }),
    batchContext: batch.context,
    sentAt: batch.sentAt,
    validateOnly: batch.validateOnly,
    startedAt: performance.now(),
    timestampMs: Date.now(),
    verdicts,
    open: count,
    resolve,
  };
}

/** The one path behind every door. */
export function createAcceptEvents(options: AcceptOptions): AcceptEvents {
  const { admission } = options;
  const pass: AcceptEvents = (batch, arrival, onVerdicts, onError) => {
    const passage = createPassage(options, batch, arrival, onVerdicts);
    try {
      acceptAll(passage, batch);
    } catch (error) {
      // A bug of ours: the events before it go on, and the caller is told to send all of them again.
      admission.leave(passage.verdicts.length);
      onError(error);
    }
  };
  return (batch, arrival, onVerdicts, onError) => {
    const room = admission.enter(batch.events.length);
    if (room === undefined) pass(batch, arrival, onVerdicts, onError);
    else room.then(() => pass(batch, arrival, onVerdicts, onError), onError);
  };
}

function acceptAll(passage: Passage, { events, context }: IncomingBatch): void {
  for (let index = 0; index < events.length; index += 1) {
    const sent = events[index]!;
    const event =
      context === undefined ? sent : { ...sent, context: { ...context, ...sent.context } };
    acceptEvent(passage, event, index);
  }
}

function acceptEvent(passage: Passage, sent: IncomingEvent, index: number): void {
  const { options, arrival, timestampMs } = passage;
  const { source, maySend, isCanary } = arrival.producer;
  const { idempotencyKey, eventName } = sent;
  const eventId = isUuid(idempotencyKey) ? eventIdOf(source, idempotencyKey) : '';
  const refused = sent.fault === undefined && eventName !== '' && !maySend(eventName);
  const validation = refused ? notAllowed : isCanary ? soundHeartbeat : options.validate(sent);
  const { warnings, schemaVersion } = validation;
  let { error } = validation;
  const event = validation.event ?? sent;
  let payload = '';
  if (error === undefined) {
    const { requestPart } = passage;
    const acceptance = { eventId, source, timestampMs, schemaVersion, warnings, requestPart };
    payload = encodeStoredEvent(event, acceptance);
    error = tooLarge(payload, options.eventBytesMax) ?? notText(payload);
  }
  const verdict: Verdict = {
    index,
    idempotencyKey,
    eventId,
    status: error === undefined ? 'accepted' : 'rejected',
    timestampMs,
    schemaVersion,
    sequence: 0,
    error,
    warnings: error === undefined ? warnings : noWarnings,
  };
  if (passage.validateOnly) finish(passage, eventName, verdict);
  else if (error === undefined) storeEvent(passage, eventName, verdict, payload);
  else keepRejected(passage, event, verdict);
}

function finish(passage: Passage, eventName: string, verdict: Verdict): void {
  const { options, verdicts } = passage;
  if (!passage.validateOnly) {
    options.signals.eventValidated(passage.arrival.producer.source, eventName, verdict);
  }
  verdicts[verdict.index] = verdict;
  passage.open -= 1;
  if (passage.open > 0) return;
  options.admission.leave(verdicts.length);
  passage.resolve(verdicts);
}

function storeEvent(passage: Passage, eventName: string, verdict: Verdict, payload: string): void {
  const { options, arrival, arrivalHeaders } = passage;
  const { source } = arrival.producer;
  const messageId = messageIdOf(source, verdict.idempotencyKey);
  options.store({ source, eventName, messageId, arrivalHeaders, payload }, (ack, failure) => {
    if (ack === undefined) {
      const error = notStored(failure!.publicText);
      finish(passage, eventName, { ...verdict, status: 'retry', error, warnings: noWarnings });
      return;
    }
    options.signals.eventPublished((performance.now() - passage.startedAt) / 1000);
    const stored = verdict as { sequence: number };
    stored.sequence = ack.sequence;
    if (ack.duplicate) {
      const duplicate: Verdict = { ...verdict, status: 'duplicate' };
      void describeDuplicate(options, payload, duplicate).then((described) =>
        finish(passage, eventName, described),
      );
    } else finish(passage, eventName, verdict);
  });
}

/** It has no contract: no taxonomy can name it. */
const soundHeartbeat = {
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

/** A character is at most three bytes: most events are known to be small without counting. */
export function tooLarge(payload: string, eventBytesMax: number): EventError | undefined {
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

/** JSON can hold half of a surrogate pair, always as an escape; UTF-8, and so any other form, cannot. */
export function notText(payload: string): EventError | undefined {
  if (!payload.includes('\\ud') || !/(?<!\\)(?:\\\\)*\\ud[89a-f]/.test(payload)) return undefined;
  const message =
    'A text holds half of a surrogate pair (\\ud800 to \\udfff), which is no character.';
  return { code: 'invalid_field', message, violations: [{ path: '', code: 'unicode', message }] };
}

function notStored(failure: string): EventError {
  return {
    code: 'not_stored',
    message: `Not stored: ${failure}. Send it again with the same idempotency key.`,
    violations: noViolations,
  };
}

/** A rejection is told only once its event is kept: until then the caller is the only one who has it. */
function keepRejected(passage: Passage, event: IncomingEvent, verdict: Verdict): void {
  const { options } = passage;
  const redacted = options.redactRejected(event);
  const arrival =
    redacted?.keepsForm === false
      ? { ...passage.arrival, contentType: 'application/json' }
      : passage.arrival;
  const rejected: EventToReject = {
    source: arrival.producer.source,
    eventName: event.eventName,
    idempotencyKey: event.idempotencyKey,
    receivedAtMs: verdict.timestampMs,
    arrival,
    error: verdict.error!,
    batchContext: passage.batchContext,
    sentAt: passage.sentAt,
    original: redacted?.bytes ?? event.original(),
    redacted: redacted !== undefined,
  };
  options.reject(rejected, (failure) => {
    if (failure === undefined) {
      finish(passage, event.eventName, verdict);
      return;
    }
    options.signals.rejectedEventNotKept(arrival.correlationId, failure);
    finish(passage, event.eventName, { ...verdict, status: 'retry', error: notStored(failure) });
  });
}

/**
 * The log dedups by id alone and drops a different body under the same id: what it has is read back
 * and compared, so that a caller that reuses its keys is told. The verdict carries the first copy's
 * time and version.
 */
async function describeDuplicate(
  options: AcceptOptions,
  payload: string,
  verdict: Verdict,
): Promise<Verdict> {
  let stored: StoredEvent | undefined;
  try {
    stored = await options.readStored(verdict.sequence);
  } catch {
    // The verdict stands without the comparison.
  }
  if (stored === undefined) return verdict;
  const first = {
    ...verdict,
    timestampMs: Date.parse(stored.timestamp),
    schemaVersion: stored.schemaVersion ?? 0,
  };
  if (sameBody(decodeStoredEvent(payload), stored)) return first;
  return {
    ...first,
    warnings: [
      ...verdict.warnings,
      {
        code: 'idempotency_key_reused',
        message:
          'An event with other content was stored under this idempotency key, and this one was not. ' +
          'Make a new key for every event.',
        violations: noViolations,
      },
    ],
  };
}

function sameBody(sent: StoredEvent, stored: StoredEvent): boolean {
  const same = (one: JsonObject | undefined, other: JsonObject | undefined): boolean =>
    isDeepStrictEqual(plain(one), plain(other));
  return (
    sent.eventName === stored.eventName &&
    sent.userId === stored.userId &&
    sent.anonymousId === stored.anonymousId &&
    sent.occurredAt === stored.occurredAt &&
    same(sent.properties, stored.properties) &&
    same(sent.context, stored.context)
  );
}

/** As JSON would carry it: -0 is 0 there, and the comparison must not tell them apart. */
function plain(value: JsonObject | undefined): unknown {
  return value === undefined ? {} : parseJsonText(JSON.stringify(value));
}
