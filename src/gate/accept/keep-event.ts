import { messageIdOf } from '../../event/event-id.ts';
import type { IncomingEvent } from '../../event/incoming-event.ts';
import type { JsonObject } from '../../event/json/json.ts';
import type { OwnClock } from '../../event/time/event-time.ts';
import type { VendorCall } from '../../event/vendor-call.ts';
import type { EventError, Verdict } from '../../event/verdict.ts';
import type { Signals } from '../../observability/signals.ts';
import { showsRefusal, type Arrival } from './arrival.ts';
import { compareDuplicate } from './compare-duplicate.ts';
import type { Decision } from './decide-event.ts';

/** An accepted event on its way into the log. */
export interface EventToStore {
  readonly source: string;
  readonly eventName: string;
  readonly messageId: string;
  /** From `AcceptOptions.arrivalHeaders`. */
  readonly arrivalHeaders: string;
  readonly payload: string;
  /** Of its UTF-8. Undefined: not known yet. */
  readonly payloadBytes?: number | undefined;
}

export interface StoreAck {
  readonly sequence: number;
  readonly duplicate: boolean;
}

/** Why an event may not be stored. */
export interface StoreFailure {
  /** The text that a producer reads. */
  readonly publicText: string;
  /** The log may hold the event, or may still store it. */
  readonly mayBeStored: boolean;
}

export interface StoreOptions {
  /** Calls back once the event is as safe as promised, or with why it may not be. */
  readonly store: (
    event: EventToStore,
    callback: (ack: StoreAck | undefined, failure: StoreFailure | undefined) => void,
  ) => void;
  /** Reads the text of an event of the log. Used for duplicates only. */
  readonly readStored: (sequence: number) => Promise<string | undefined>;
  readonly signals: Pick<Signals, 'eventPublished'>;
}

/** The request of an event, as far as storing needs it. */
export interface StoringRequest {
  readonly options: StoreOptions;
  readonly arrival: Arrival;
  readonly arrivalHeaders: string;
  /** `performance.now()` */
  readonly startedAt: number;
}

/** Takes the final verdict on an event. */
export type Finish<Request> = (request: Request, eventName: string, verdict: Verdict) => void;

/**
 * Stores an event that `decideEvent` accepts, and calls `finish` once.
 *
 * The callback must not hold the event: what an event was decoded into is garbage once it is written to
 * the log, and thousands of them waiting for their acknowledgements cost the collector a tenth of all
 * time (docs/understand/hot-path.md).
 */
export function storeEvent<Request extends StoringRequest>(
  request: Request,
  { eventName, verdict, payload, payloadBytes }: Decision,
  finish: Finish<Request>,
): void {
  const { options, arrival, arrivalHeaders } = request;
  const { source } = arrival.producer;
  const messageId = messageIdOf(source, verdict.idempotencyKey);
  const event = { source, eventName, messageId, arrivalHeaders, payload, payloadBytes };
  options.store(event, (ack, failure) => {
    if (ack === undefined) {
      const { publicText, mayBeStored } = failure!;
      finish(request, eventName, { ...retryVerdict(verdict, publicText), mayBeStored });
      return;
    }
    options.signals.eventPublished((performance.now() - request.startedAt) / 1000);
    // The verdict is ours alone until `finish`, and this is the hot path: no copy.
    (verdict as { sequence: number }).sequence = ack.sequence;
    if (!ack.duplicate) {
      finish(request, eventName, verdict);
      return;
    }
    const duplicate = { ...verdict, status: 'duplicate' } as const;
    compareDuplicate(options.readStored, payload, duplicate)
      // The comparison only adds a warning: without it the answer is the same.
      .catch(() => duplicate)
      .then((compared) => finish(request, eventName, compared))
      .catch((error: unknown) => process.emitWarning(error as Error));
  });
}

/** A rejected event on its way into quarantine. */
export interface EventToReject {
  readonly source: string;
  /** As sent: it may be no valid name. */
  readonly eventName: string;
  readonly idempotencyKey: string;
  readonly receivedAtMs: number;
  readonly arrival: Arrival;
  readonly error: EventError;
  /** As it was sent, or what is left of that without personal data. */
  readonly original: Uint8Array;
  /** The context of the request, which is no part of `original`. */
  readonly batchContext: JsonObject | undefined;
  readonly sentAt: string;
  readonly historical: boolean;
  readonly vendorCall: VendorCall | undefined;
  /** What its protocol said about its time, which its own bytes do not say. */
  readonly clock: OwnClock | undefined;
  readonly redacted: boolean;
  /** Its sender got no error, so that the kept copy is the event: only a person may give it up. */
  readonly quarantined: boolean;
}

export interface RejectOptions {
  /** The bytes to keep in place of the original; undefined: keep the original. */
  readonly redactRejected: (
    event: IncomingEvent,
  ) => { readonly bytes: Uint8Array; readonly keepsForm: boolean } | undefined;
  /** Calls back once the event is kept, or with why it may not be. */
  readonly reject: (event: EventToReject, callback: (failure: string | undefined) => void) => void;
  readonly signals: Pick<Signals, 'rejectedEventNotKept'>;
}

/** The request of an event, as far as quarantine needs it. */
export interface RejectingRequest {
  readonly options: RejectOptions;
  readonly arrival: Arrival;
  readonly batchContext: JsonObject | undefined;
  readonly sentAt: string;
  readonly historical: boolean;
}

/**
 * Keeps an event that `decideEvent` rejects, and calls `finish` once. The caller gets the rejection only
 * once its event is kept: until then no one else has it.
 */
export function keepRejected<Request extends RejectingRequest>(
  request: Request,
  { event, eventName, verdict }: Decision,
  finish: Finish<Request>,
): void {
  const { options, batchContext, sentAt, historical } = request;
  const { idempotencyKey } = event;
  const redacted = options.redactRejected(event);
  const arrival =
    redacted?.keepsForm === false
      ? { ...request.arrival, contentType: 'application/json' }
      : request.arrival;
  const rejected: EventToReject = {
    source: arrival.producer.source,
    eventName: event.eventName,
    idempotencyKey,
    // The time of an event depends on when it was first received, also when it is replayed.
    receivedAtMs: arrival.relayed?.takenAtMs ?? verdict.timestampMs,
    arrival,
    error: verdict.error!,
    batchContext,
    sentAt,
    historical,
    vendorCall: event.vendorCall,
    clock: event.clock,
    original: redacted?.bytes ?? event.original(),
    redacted: redacted !== undefined,
    quarantined: verdict.error!.code === 'quarantined' || !showsRefusal(arrival),
  };
  options.reject(rejected, (failure) => {
    if (failure === undefined) {
      finish(request, eventName, verdict);
      return;
    }
    options.signals.rejectedEventNotKept(arrival.correlationId, failure);
    finish(request, eventName, retryVerdict(verdict, failure));
  });
}

function retryVerdict(verdict: Verdict, failure: string): Verdict {
  const message = `Not stored: ${failure}. Send it again with the same idempotency key.`;
  const error = { code: 'not_stored', message, violations: [] };
  return { ...verdict, status: 'retry', error, warnings: [] };
}
