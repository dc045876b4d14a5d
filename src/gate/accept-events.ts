import { isDeepStrictEqual } from 'node:util';

import { eventIdOf, isUuid, messageIdOf } from '../event/event-id.ts';
import type { IncomingEvent } from '../event/incoming-event.ts';
import type { JsonObject } from '../event/json.ts';
import { encodeStoredEvent, type Acceptance, type StoredEvent } from '../event/stored-event.ts';
import type { EventError, EventWarning, Verdict } from '../event/verdict.ts';
import type { Signals } from '../observability/signals.ts';
import type { Admission } from './admission.ts';
import type { Producer } from './authenticate.ts';
import type { IncomingBatch } from './incoming-batch.ts';

/** What is known of the request that an event came with. */
export interface Arrival {
  readonly producer: Producer;
  readonly correlationId: string;
  /** Empty when the request had none. */
  readonly traceparent: string;
  /** `rest`, `connect`, `grpc`, `grpc_web`. */
  readonly door: string;
  /** Of the bytes that `IncomingEvent.original` gives. */
  readonly contentType: string;
}

/** An event on its way into the log. */
export interface EventToStore {
  readonly source: string;
  readonly eventName: string;
  readonly messageId: string;
  readonly eventId: string;
  readonly correlationId: string;
  readonly traceparent: string;
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
  readonly original: Uint8Array;
}

export interface StoreAck {
  readonly sequence: number;
  readonly duplicate: boolean;
}

/** What the gate is handed: it knows neither the log nor the schemas. */
export interface AcceptOptions {
  readonly judge: (event: IncomingEvent) => {
    readonly error: EventError | undefined;
    readonly warnings: readonly EventWarning[];
    readonly schemaVersion: number;
  };
  /** Calls back once the event is as safe as promised, or with why it may not be. */
  readonly store: (
    event: EventToStore,
    callback: (ack: StoreAck | undefined, failure: string) => void,
  ) => void;
  readonly reject: (event: EventToReject, callback: (failure: string | undefined) => void) => void;
  /** What the log has at a place: asked for duplicates only. */
  readonly readStored: (sequence: number) => Promise<StoredEvent | undefined>;
  readonly admission: Admission;
  readonly signals: Signals;
  readonly eventBytesMax: number;
}

/** Judges and stores every event of a request; one verdict each, in order. Rejects: `overloaded`. */
export type AcceptEvents = (batch: IncomingBatch, arrival: Arrival) => Promise<Verdict[]>;

const noWarnings: readonly EventWarning[] = [];
const noViolations = [] as const;

/** The one path behind every door. */
export function createAcceptEvents(options: AcceptOptions): AcceptEvents {
  const { admission } = options;
  return async (batch, arrival) => {
    const count = batch.events.length;
    const room = admission.enter(count);
    if (room !== undefined) await room;
    try {
      return await new Promise<Verdict[]>((resolve) => {
        const verdicts: Verdict[] = [];
        verdicts.length = count;
        let open = count;
        batch.events.forEach((event, index) => {
          acceptEvent(options, batch, event, index, arrival, (verdict) => {
            verdicts[index] = verdict;
            open -= 1;
            if (open === 0) resolve(verdicts);
          });
        });
      });
    } finally {
      admission.leave(count);
    }
  };
}

function acceptEvent(
  options: AcceptOptions,
  batch: IncomingBatch,
  sent: IncomingEvent,
  index: number,
  arrival: Arrival,
  done: (verdict: Verdict) => void,
): void {
  const { source, maySend } = arrival.producer;
  const timestampMs = Date.now();
  const event =
    batch.context === undefined ? sent : { ...sent, context: { ...batch.context, ...sent.context } };
  const hasKey = isUuid(event.idempotencyKey);
  const base = {
    index,
    idempotencyKey: event.idempotencyKey,
    eventId: hasKey ? eventIdOf(source, event.idempotencyKey) : '',
    timestampMs,
    sequence: 0,
    schemaVersion: 0,
    error: undefined,
    warnings: noWarnings,
  };
  const refused = event.fault === undefined && event.eventName !== '' && !maySend(event.eventName);
  const judgement = refused ? notAllowed : options.judge(event);
  const { warnings, schemaVersion } = judgement;
  let { error } = judgement;
  let payload = '';
  if (error === undefined) {
    payload = encodeStoredEvent(event, acceptanceOf(base, batch, arrival, judgement));
    error = tooLarge(payload, options.eventBytesMax);
  }
  const finish = (verdict: Verdict): void => {
    if (!batch.validateOnly) options.signals.eventJudged(source, event.eventName, verdict);
    done(verdict);
  };
  if (error !== undefined) {
    const rejected: Verdict = { ...base, status: 'rejected', schemaVersion, error };
    if (batch.validateOnly) finish(rejected);
    else keepRejected(options, event, arrival, rejected, finish);
    return;
  }
  if (batch.validateOnly) {
    finish({ ...base, status: 'accepted', schemaVersion, warnings });
    return;
  }
  const startedAt = performance.now();
  options.store(
    {
      source,
      eventName: event.eventName,
      messageId: messageIdOf(source, event.idempotencyKey),
      eventId: base.eventId,
      correlationId: arrival.correlationId,
      traceparent: arrival.traceparent,
      payload,
    },
    (ack, failure) => {
      if (ack === undefined) {
        finish({ ...base, status: 'retry', schemaVersion, error: notStored(failure) });
        return;
      }
      const { sequence } = ack;
      if (ack.duplicate) {
        const verdict: Verdict = { ...base, status: 'duplicate', schemaVersion, sequence, warnings };
        void describeDuplicate(options, event, verdict).then(finish);
        return;
      }
      options.signals.eventPublished((performance.now() - startedAt) / 1000);
      finish({ ...base, status: 'accepted', schemaVersion, sequence, warnings });
    },
  );
}

const notAllowed = {
  error: {
    code: 'event_not_allowed',
    message: 'The write key may not send events of this name. Use another key, or widen its `events`.',
    violations: [
      { path: '/event_name', code: 'not_allowed', message: 'not among the events of this write key' },
    ],
  },
  warnings: noWarnings,
  schemaVersion: 0,
} as const;

function acceptanceOf(
  base: { eventId: string; timestampMs: number },
  batch: IncomingBatch,
  arrival: Arrival,
  judgement: { schemaVersion: number; warnings: readonly EventWarning[] },
): Acceptance {
  return {
    eventId: base.eventId,
    source: arrival.producer.source,
    timestampMs: base.timestampMs,
    schemaVersion: judgement.schemaVersion,
    correlationId: arrival.correlationId,
    traceparent: arrival.traceparent,
    sentAt: batch.sentAt,
    warnings: judgement.warnings,
  };
}

/** A character is at most three bytes: most events are known to be small without counting. */
function tooLarge(payload: string, eventBytesMax: number): EventError | undefined {
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

function notStored(failure: string): EventError {
  return {
    code: 'not_stored',
    message: `Not stored: ${failure}. Send it again with the same idempotency key.`,
    violations: noViolations,
  };
}

/** A rejection is told only once its event is kept: until then the caller is the only one who has it. */
function keepRejected(
  options: AcceptOptions,
  event: IncomingEvent,
  arrival: Arrival,
  verdict: Verdict,
  finish: (verdict: Verdict) => void,
): void {
  const rejected: EventToReject = {
    source: arrival.producer.source,
    eventName: event.eventName,
    idempotencyKey: event.idempotencyKey,
    receivedAtMs: verdict.timestampMs,
    arrival,
    error: verdict.error!,
    original: event.original(),
  };
  options.reject(rejected, (failure) => {
    if (failure === undefined) {
      finish(verdict);
      return;
    }
    options.signals.rejectedEventNotKept(arrival.correlationId, failure);
    finish({ ...verdict, status: 'retry', error: notStored(failure) });
  });
}

/**
 * The log dedups by id alone and drops a different body under the same id: what it has is read back
 * and compared, so that a caller that reuses its keys is told. The verdict carries the first copy's
 * time and version.
 */
async function describeDuplicate(
  options: AcceptOptions,
  event: IncomingEvent,
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
  if (sameBody(event, stored)) return first;
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

function sameBody(event: IncomingEvent, stored: StoredEvent): boolean {
  const same = (sent: JsonObject | undefined, kept: JsonObject | undefined): boolean =>
    isDeepStrictEqual(plain(sent), plain(kept));
  return (
    event.eventName === stored.eventName &&
    event.userId === (stored.userId ?? '') &&
    event.anonymousId === (stored.anonymousId ?? '') &&
    event.occurredAt === (stored.occurredAt ?? '') &&
    same(event.properties, stored.properties) &&
    same(event.context, stored.context)
  );
}

/** As JSON would carry it: -0 is 0 there, and the comparison must not tell them apart. */
function plain(value: JsonObject | undefined): unknown {
  return value === undefined ? {} : JSON.parse(JSON.stringify(value));
}
