import { ServiceError } from '../../errors.ts';
import type { IncomingEvent } from '../../event/incoming-event.ts';
import type { EventError, Verdict } from '../../event/verdict.ts';
import type { Arrival, Relayed } from '../accept/arrival.ts';
import { eventIdFor } from '../accept/decide-event.ts';
import type { GateContext } from '../gate-context.ts';
import type { Producer } from '../intake/authenticate.ts';
import type { Caller, RunRequest } from '../serve-request.ts';
import {
  decodeForwarded,
  type ForwardedEvent,
  type RequestThere,
  type UnreadableForward,
} from './decode-forwarded.ts';

/** The message of `RelayService.Forward`, whose events are not decoded yet. */
export interface ForwardedBatch {
  readonly events: readonly Uint8Array[];
  /** Empty, or the name of a process, in the letters of `instancePattern`. */
  readonly instance: string;
}

export const instancePattern = /^[A-Za-z0-9._-]{0,64}$/;

/**
 * Accepts events that another gate has taken, each as its own source: on the path of every event, with
 * the limits of that source, its contract, and the time that the other gate gave it. Events of one
 * request there are one here, so that they keep their trace.
 */
export const forwardBatch: RunRequest<ForwardedBatch, readonly Verdict[]> = (
  context,
  batch,
  caller,
  succeed,
) => {
  const relay = relayOf(caller);
  const forwarding = new Forwarding(context, relay, caller, batch);
  forwarding.run(batch.events, succeed);
};

/** The relay that calls. Throws a ServiceError `relay_not_allowed`. */
export function relayOf({ producer }: Caller): Producer {
  if (producer?.mayRelay !== undefined) return producer;
  throw new ServiceError(
    'relay_not_allowed',
    'This write key may not forward events of other sources. At the gate that answers, give it ' +
      'relay_sources: globs on the sources that it relays.',
  );
}

/** Events of one request to the other gate. */
interface Group {
  readonly request: RequestThere;
  readonly arrival: Arrival & { messageBytes: number; readonly relayed: Relayed };
  readonly events: IncomingEvent[];
  /** Their places in the request of the relay. */
  readonly places: number[];
}

class Forwarding {
  private readonly context: GateContext;
  private readonly relay: Producer;
  private readonly caller: Caller;
  private readonly instance: string;
  private readonly verdicts: Verdict[];
  private readonly takenAtMs: number[];
  private readonly producers = new Map<string, Producer>();
  private readonly nowMs = Date.now();
  private waiting = 0;

  constructor(context: GateContext, relay: Producer, caller: Caller, batch: ForwardedBatch) {
    this.context = context;
    this.relay = relay;
    this.caller = caller;
    this.instance = batch.instance;
    this.verdicts = Array.from<Verdict>({ length: batch.events.length });
    this.takenAtMs = Array.from<number>({ length: batch.events.length }).fill(this.nowMs);
  }

  run(events: readonly Uint8Array[], succeed: (verdicts: readonly Verdict[]) => void): void {
    const groups = this.group(events);
    // One more, so that groups that finish at once do not end the request.
    this.waiting = groups.length + 1;
    const finish = (): void => {
      this.waiting -= 1;
      if (this.waiting > 0) return;
      this.count();
      succeed(this.verdicts);
    };
    for (const group of groups) this.accept(group, finish);
    finish();
  }

  private accept(group: Group, finish: () => void): void {
    const { events } = group;
    const { sentAt, historical } = group.request;
    const request = { events, sentAt, historical, context: undefined, validateOnly: false };
    const { place, fail } = this.answersOf(group, finish);
    this.context.accept(request, group.arrival, place, fail);
  }

  /**
   * What takes the verdicts of a group. It outlives the decoding by the time that the log needs, so it
   * does not hold the events (`storeEvent`).
   */
  private answersOf({ arrival, events, places }: Group, finish: () => void) {
    const keys = events.map(({ idempotencyKey }) => idempotencyKey);
    const place = (verdicts: readonly Verdict[]): void => {
      for (const [at, verdict] of verdicts.entries()) {
        // The verdict is ours alone by now, and this is the hot path: no copy.
        (verdict as { index: number }).index = places[at]!;
        this.verdicts[places[at]!] = verdict;
      }
      finish();
    };
    // Of this group alone, such as a limit of its source: the others go on.
    const fail = (error: unknown): void => {
      const failure = retryOf(error);
      for (const [at, idempotencyKey] of keys.entries()) {
        this.verdicts[places[at]!] = {
          ...this.verdictOf(places[at]!, arrival.producer.source, idempotencyKey),
          ...failure,
        };
      }
      finish();
    };
    return { place, fail };
  }

  /** Groups the events, and gives a verdict to those that cannot be accepted. */
  private group(events: readonly Uint8Array[]): Group[] {
    const groups: Group[] = [];
    // Their ids tell nearly all requests apart; two with one id may become more groups than two.
    const byId = new Map<string, Group>();
    let last: Group | undefined;
    for (const [place, bytes] of events.entries()) {
      const read = decodeForwarded(bytes, this.nowMs, last?.request);
      const refusal = this.refusalOf(read);
      if ('fault' in read || refusal !== undefined) {
        this.refuse(place, read, refusal!);
        continue;
      }
      if (last === undefined || !isOneRequest(last.request, read)) {
        last = byId.get(read.correlationId);
        if (last === undefined || !isOneRequest(last.request, read)) {
          last = this.openGroup(read);
          groups.push(last);
          byId.set(read.correlationId, last);
        }
      }
      last.events.push(read.event);
      last.places.push(place);
      this.takenAtMs[place] = last.arrival.relayed.takenAtMs;
      last.arrival.messageBytes += read.bytes;
    }
    return groups;
  }

  private openGroup(first: ForwardedEvent): Group {
    const { exchange, call } = this.caller;
    const { source, takenAt, traceparent } = first;
    const { instance } = this;
    const relay = instance === '' ? this.relay.source : `${this.relay.source}/${instance}`;
    const arrival = {
      ...call,
      producer: this.producerOf(source),
      correlationId: first.correlationId || exchange.correlationId,
      traceparent,
      tracestate: '',
      // What quarantine keeps of a rejected event is written anew.
      contentType: 'application/json',
      messageBytes: 0,
      relayed: { relay, takenAt, takenAtMs: Date.parse(takenAt) },
    };
    return { request: first, arrival, events: [], places: [] };
  }

  private producerOf(source: string): Producer {
    const known = this.producers.get(source);
    if (known !== undefined) return known;
    const { maySend } = this.relay;
    const limits = this.context.limitsOf(source);
    const producer: Producer = { source, maySend, isCanary: false, limits };
    this.producers.set(source, producer);
    return producer;
  }

  private refusalOf(read: ForwardedEvent | UnreadableForward): EventError | undefined {
    if ('fault' in read) return { code: 'invalid_field', message: read.fault, violations: [] };
    if (this.relay.mayRelay!(read.source)) return undefined;
    const { source } = this.relay;
    return {
      code: 'source_not_relayed',
      message:
        `The write key of the relay "${source}" may not forward events of the source ` +
        `"${read.source}". Add it to relay_sources of that key, at the gate that answers.`,
      violations: [],
    };
  }

  /** The relay keeps what is refused here: it may not write as this source, or it is no event. */
  private refuse(place: number, read: ForwardedEvent | UnreadableForward, error: EventError): void {
    const { idempotencyKey, eventName } = 'fault' in read ? { ...read, eventName: '' } : read.event;
    const { source } = this.relay;
    const verdict = this.verdictOf(place, source, idempotencyKey);
    this.verdicts[place] = { ...verdict, eventId: '', status: 'rejected', error };
    this.context.signals.eventValidated(source, eventName, this.verdicts[place]);
  }

  private verdictOf(index: number, source: string, idempotencyKey: string): Verdict {
    return {
      index,
      idempotencyKey,
      eventId: eventIdFor(source, idempotencyKey),
      status: 'retry',
      timestampMs: this.nowMs,
      schemaVersion: 0,
      sequence: 0,
      error: undefined,
      warnings: [],
    };
  }

  private count(): void {
    const { verdicts, takenAtMs, relay, context } = this;
    for (const [place, { status, timestampMs }] of verdicts.entries()) {
      context.signals.eventRelayed(relay.source, status, timestampMs - takenAtMs[place]!);
    }
  }
}

function isOneRequest(one: RequestThere, other: RequestThere): boolean {
  return (
    one.correlationId === other.correlationId &&
    one.source === other.source &&
    one.takenAt === other.takenAt &&
    one.sentAt === other.sentAt &&
    one.traceparent === other.traceparent &&
    one.historical === other.historical
  );
}

function retryOf(error: unknown): Pick<Verdict, 'error' | 'retryAfterMs'> {
  if (!(error instanceof ServiceError)) {
    process.emitWarning(error as Error);
    const message = 'Not stored: an error of the gate. Send it again.';
    return { error: { code: 'not_stored', message, violations: [] } };
  }
  const { code, message, retryAfterMs } = error;
  const failure = { error: { code, message, violations: [] } };
  return retryAfterMs === undefined ? failure : { ...failure, retryAfterMs };
}
