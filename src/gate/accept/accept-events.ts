import type { IncomingEvent } from '../../event/incoming-event.ts';
import { encodeRequestPart } from '../../event/stored-event.ts';
import { requestClock } from '../../event/time/event-time.ts';
import { timeText } from '../../event/time/time-text.ts';
import type { Verdict } from '../../event/verdict.ts';
import type { Signals } from '../../observability/signals.ts';
import type { IncomingBatch } from '../decode/incoming-batch.ts';
import type { Admission } from '../intake/admission.ts';
import type { SourceLimiter } from '../limits/source-limiter.ts';
import { createLimitedAccept } from './accept-limited.ts';
import type { Arrival } from './arrival.ts';
import {
  decideEvent,
  validateEvents,
  type DecisionRules,
  type ValidateEvent,
} from './decide-event.ts';
import {
  keepRejected,
  storeEvent,
  type RejectingRequest,
  type RejectOptions,
  type StoreOptions,
  type StoringRequest,
} from './keep-event.ts';

/** The gate knows neither the log nor the schemas: these functions come from other stages. */
export interface AcceptOptions extends StoreOptions, RejectOptions {
  readonly validate: ValidateEvent;
  readonly nameSent: DecisionRules['nameSent'];
  /** What the log keeps beside each event of a request. Called once a request. */
  readonly arrivalHeaders: (arrival: Arrival) => string;
  readonly admission: Admission;
  readonly limiter: SourceLimiter;
  readonly signals: Signals;
  readonly eventBytesMax: number;
}

/**
 * Validates and stores every event of a request. Calls one of the two, once: with a verdict for each
 * event, in order, or with a ServiceError `overloaded` or `limit_reached`.
 */
export type AcceptEvents = (
  batch: IncomingBatch,
  arrival: Arrival,
  onVerdicts: (verdicts: Verdict[]) => void,
  onError: (error: unknown) => void,
) => void;

/** The same as a promise, for callers outside the hot path. */
export function acceptedVerdicts(
  accept: AcceptEvents,
  batch: IncomingBatch,
  arrival: Arrival,
): Promise<Verdict[]> {
  return new Promise((resolve, reject) => accept(batch, arrival, resolve, reject));
}

/**
 * The path of every endpoint: the limits of the source, room in flight, a decision for each event,
 * then keep and count it.
 */
export function createAcceptEvents(options: AcceptOptions): AcceptEvents {
  const { admission } = options;
  const acceptAdmitted: AcceptEvents = (batch, arrival, onVerdicts, onError) => {
    const { events, validateOnly } = batch;
    const pending = createPendingBatch(options, batch, arrival, onVerdicts);
    try {
      if (validateOnly) answer(pending, validateEvents(pending, events));
      else acceptAll(pending, events);
    } catch (error) {
      // A bug of ours: events before this one may be stored, and the caller has to send all again.
      admission.leave(events.length, arrival.producer.source);
      onError(error);
    }
  };
  const accept: AcceptEvents = (batch, arrival, onVerdicts, onError) => {
    const room = admission.enter(batch.events.length, arrival.producer.source);
    if (room === undefined) acceptAdmitted(batch, arrival, onVerdicts, onError);
    else room.then(() => acceptAdmitted(batch, arrival, onVerdicts, onError), onError);
  };
  const limited = createLimitedAccept(options, accept);
  return (batch, arrival, onVerdicts, onError) => {
    if (arrival.producer.limits === undefined) accept(batch, arrival, onVerdicts, onError);
    else limited(batch, arrival, onVerdicts, onError);
  };
}

/** A request whose events wait for their verdicts. It does not hold the events (see `storeEvent`). */
interface PendingBatch extends DecisionRules, StoringRequest, RejectingRequest {
  readonly options: AcceptOptions;
  readonly verdicts: Verdict[];
  withoutVerdict: number;
  readonly onVerdicts: (verdicts: Verdict[]) => void;
}

function createPendingBatch(
  options: AcceptOptions,
  batch: IncomingBatch,
  arrival: Arrival,
  onVerdicts: (verdicts: Verdict[]) => void,
): PendingBatch {
  const { correlationId, traceparent, producer } = arrival;
  const { events, sentAt, context, historical = false } = batch;
  const timestampMs = Date.now();
  const { validate, nameSent, eventBytesMax } = options;
  const verdicts: Verdict[] = [];
  verdicts.length = events.length;
  return {
    options,
    arrival,
    arrivalHeaders: options.arrivalHeaders(arrival),
    startedAt: performance.now(),
    sentAt,
    producer,
    validate,
    nameSent,
    eventBytesMax,
    timestampMs,
    clock: requestClock(timeText(timestampMs), timestampMs, sentAt, historical),
    historical,
    requestPart: encodeRequestPart({ correlationId, traceparent, sentAt, historical }),
    batchContext: context,
    verdicts,
    withoutVerdict: events.length,
    onVerdicts,
  };
}

function acceptAll(pending: PendingBatch, events: readonly IncomingEvent[]): void {
  for (let index = 0; index < events.length; index += 1) {
    const decision = decideEvent(pending, events[index]!, index);
    if (decision.verdict.error === undefined) storeEvent(pending, decision, finish);
    else keepRejected(pending, decision, finish);
  }
}

function finish(pending: PendingBatch, eventName: string, verdict: Verdict): void {
  const { options, producer, verdicts } = pending;
  options.signals.eventValidated(producer.source, eventName, verdict);
  verdicts[verdict.index] = verdict;
  pending.withoutVerdict -= 1;
  if (pending.withoutVerdict === 0) answer(pending, verdicts);
}

function answer({ options, producer, onVerdicts }: PendingBatch, verdicts: Verdict[]): void {
  options.admission.leave(verdicts.length, producer.source);
  onVerdicts(verdicts);
}
