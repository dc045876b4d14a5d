import type { Config, WriteKey } from '../../config/config.ts';
import { ServiceError } from '../../errors.ts';
import { compileEventGlobs } from '../../event/glob.ts';
import type { IncomingEvent } from '../../event/incoming-event.ts';
import type { JsonObject } from '../../event/json/json.ts';
import { encodeRequestPart } from '../../event/stored-event.ts';
import { eventTimeOf, requestClock, type OwnClock } from '../../event/time/event-time.ts';
import type { VendorCall } from '../../event/vendor-call.ts';
import type { Verdict } from '../../event/verdict.ts';
import type { Signals } from '../../observability/signals.ts';
import { decodeTrackRest } from '../decode/decode-json.ts';
import { decodeOriginal, eventText, type Original } from '../decode/decode-original.ts';
import { createAdmission } from '../intake/admission.ts';
import type { AcceptOptions } from './accept-events.ts';
import type { Arrival } from './arrival.ts';
import { decideEvent, type Decision } from './decide-event.ts';
import { editedText, type MemberEdit } from './edit-event.ts';
import { storeEvent } from './keep-event.ts';

/** An event that was rejected, and what is known of the request it came with. */
export interface KeptEvent extends Original {
  readonly source: string;
  readonly correlationId: string;
  readonly traceparent: string;
  readonly receivedAtMs: number;
  /** The context of its request, given to each of its events. */
  readonly batchContext: JsonObject | undefined;
  /** RFC 3339; empty when there was none. */
  readonly sentAt: string;
  readonly historical: boolean;
  /** Undefined if no vendor's SDK sent it, or an earlier version kept it. */
  readonly vendorCall: VendorCall | undefined;
  /** What its protocol said about its time. Undefined: nothing, or an earlier version kept it. */
  readonly clock: OwnClock | undefined;
}

/** The endpoint for events that were rejected. */
export interface ReplayEndpoint {
  /** The name that the event is stored under. */
  nameOf(event: IncomingEvent): string;
  /** As POST /v1/track takes it, as far as it can be read; as it was sent where it can not. */
  textOf(kept: KeptEvent): string;
  /**
   * The event to validate. `replacement` is the text of another in its place. Throws a ServiceError
   * `invalid_edit`.
   */
  read(kept: KeptEvent, edits: readonly MemberEdit[], replacement: string): IncomingEvent;
  /**
   * Decides about the event, and stores it where it is accepted and `validateOnly` is false. Rejects
   * with a ServiceError `overloaded`.
   */
  accept(event: IncomingEvent, kept: KeptEvent, validateOnly: boolean): Promise<Verdict>;
  close(): void;
}

/** How many replays are under way at once, and how long one waits for the others. */
const inFlightEventsMax = 2_000;
const admissionWaitMs = 10_000;

interface ReplayOptions extends Pick<
  AcceptOptions,
  'validate' | 'nameSent' | 'arrivalHeaders' | 'store' | 'readStored'
> {
  /** The write keys in force now: they change while the gate runs. */
  readonly keys: () => readonly WriteKey[];
}

/**
 * Decides and stores as every endpoint does: same envelope, same schemas, same limits. What it leaves
 * out is the write key, which is the producer's; the source is the one the event was rejected under, and
 * that source's keys still say which events it may send. A rejected event is not kept again: it is in
 * quarantine, and the caller notes the new reason beside it.
 */
export function openReplayEndpoint(
  config: Config,
  signals: Signals,
  options: ReplayOptions,
): ReplayEndpoint {
  const admission = createAdmission({ inFlightEventsMax, waitMs: admissionWaitMs });
  const { validate, nameSent } = options;
  const { eventBytesMax } = config.limits;
  const maySend = createMaySend(config.auth, options.keys);

  const decide = (event: IncomingEvent, kept: KeptEvent, arrival: Arrival): Decision => {
    const { producer } = arrival;
    const rules = { producer, validate, nameSent, eventBytesMax, timestampMs: Date.now() };
    const { request, event: replayed } = asReceived(event, kept);
    return decideEvent({ ...rules, ...request }, replayed, 0);
  };
  const storeDecided = (decision: Decision, arrival: Arrival, startedAt: number) =>
    new Promise<Verdict>((resolve) => {
      const request = {
        options: { ...options, signals },
        arrival,
        arrivalHeaders: options.arrivalHeaders(arrival),
        startedAt,
      };
      storeEvent(request, decision, (_request, _eventName, verdict) => resolve(verdict));
    });

  return {
    nameOf: (event) => nameSent(event).eventName,
    textOf: eventText,
    read: (kept, edits, replacement) => {
      if (edits.length === 0 && replacement === '') return decodeOriginal(kept);
      const text = editedText(replacement === '' ? eventText(kept) : replacement, edits);
      try {
        return decodeTrackRest(Buffer.from(text));
      } catch (cause) {
        if (cause instanceof ServiceError)
          throw new ServiceError('invalid_edit', cause.message, { cause });
        throw cause;
      }
    },
    accept: async (event, kept, validateOnly) => {
      const { source, correlationId, traceparent, door, contentType } = kept;
      const producer = { source, maySend: maySend(source), isCanary: false };
      const trace = { traceparent, tracestate: '' };
      const arrival = { producer, correlationId, ...trace, rpc: '', door, contentType };
      if (validateOnly) return decide(event, kept, arrival).verdict;
      await admission.enter(1);
      try {
        const startedAt = performance.now();
        const decision = decide(event, kept, arrival);
        const verdict =
          decision.verdict.error === undefined
            ? await storeDecided(decision, arrival, startedAt)
            : decision.verdict;
        signals.eventValidated(source, decision.eventName, verdict);
        return verdict;
      } finally {
        admission.leave(1);
      }
    },
    close: admission.close,
  };
}

/** The event with what its request said: its time is that of the first try, which may be days ago. */
function asReceived(event: IncomingEvent, kept: KeptEvent) {
  const { correlationId, traceparent, batchContext, sentAt, receivedAtMs, historical } = kept;
  const receivedAt = new Date(receivedAtMs).toISOString();
  const clock = requestClock(receivedAt, receivedAtMs, sentAt, historical);
  // Computed before the event gets the time of its first try as its own, which needs no correction.
  const eventTime = eventTimeOf(event.occurredAt, clock, kept.clock);
  const request = {
    clock,
    eventTime,
    requestPart: encodeRequestPart({ correlationId, traceparent, sentAt, historical }),
    batchContext,
  };
  // An event that was given another name is not the call that was sent.
  const vendorCall = kept.isSame(event) ? kept.vendorCall : undefined;
  const occurredAt = event.occurredAt || eventTime;
  return { request, event: { ...event, occurredAt, vendorCall } };
}

/** The events that any write key of a source may send. A source without keys had some: it may all. */
function createMaySend(
  auth: Config['auth'],
  keys: () => readonly WriteKey[],
): (source: string) => (eventName: string) => boolean {
  const anything = (): boolean => true;
  if (auth === 'off') return () => anything;
  let compiledFrom: readonly WriteKey[] | undefined;
  let matchers = new Map<string, ((eventName: string) => boolean)[]>();
  return (source) => {
    const current = keys();
    if (current !== compiledFrom) {
      compiledFrom = current;
      matchers = new Map();
      for (const key of current) {
        const others = matchers.get(key.source) ?? [];
        matchers.set(key.source, [...others, compileEventGlobs(key.events)]);
      }
    }
    const each = matchers.get(source);
    return each === undefined ? anything : (name) => each.some((matches) => matches(name));
  };
}
