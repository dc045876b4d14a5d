import { setTimeout as sleep } from 'node:timers/promises';

import type { NatsIntakeFormat } from '../../config/intake/nats-intake.ts';
import type { SourceLimits } from '../../config/write-key.ts';
import { ServiceError } from '../../errors.ts';
import { messageIdOf } from '../../event/event-id.ts';
import type { IncomingEvent } from '../../event/incoming-event.ts';
import { nameProblem } from '../../event/name/event-name.ts';
import { ageMs } from '../../event/time/steady-time.ts';
import type { Verdict } from '../../event/verdict.ts';
import { acceptedVerdicts } from '../accept/accept-events.ts';
import { natsDoor, type Arrival } from '../accept/arrival.ts';
import { eventIdFor } from '../accept/decide-event.ts';
import { correlationIdOf } from '../exchange.ts';
import type { GateContext } from '../gate-context.ts';
import { limitedSource } from '../limits/source-limiter.ts';
import { decodeMessage, type StreamMessage } from './decode-message.ts';

/** What became of a message. */
export type TakenOutcome =
  /** Each of its events is in the log. */
  | { readonly kind: 'stored' }
  /** Some of its events are in quarantine, and all others in the log. */
  | { readonly kind: 'quarantined' }
  /** It has to come again. `delayMs` is undefined where nothing says when. */
  | { readonly kind: 'retry'; readonly delayMs: number | undefined; readonly reason: string };

export interface TakenMessage extends StreamMessage {
  /** When the stream stored it: a Unix time in ms. */
  readonly storedAtMs: number;
  /**
   * An earlier delivery may have stored its events at this Unix time in ms or later, so long ago that
   * the log does not recognize them any more. Undefined: the log recognizes them.
   */
  readonly mayBeStoredSinceMs: number | undefined;
}

/** The endpoint for the messages of one stream. */
export interface StreamEndpoint {
  /**
   * Validates and stores the events of a message. Waits for the limits of the source; rejects with an
   * AbortError if `signal` ends that wait. Otherwise it never rejects.
   */
  accept(message: TakenMessage, signal: AbortSignal): Promise<TakenOutcome>;
}

export interface StreamEndpointOptions {
  readonly source: string;
  readonly format: NatsIntakeFormat;
  /** The limits of the source, which it shares with write keys. They change while gates run. */
  readonly limitsOf: (source: string) => SourceLimits | undefined;
  /** The name under which an event is stored: its own, where it was sent under an alias. */
  readonly nameOf: (event: IncomingEvent) => string;
  /** The position of an event in the log. Undefined: it was not stored since `sinceMs`. */
  readonly findStored: FindStored;
}

/** What opens the endpoint of a stream; the gate knows the rest. */
export type StreamToOpen = Pick<StreamEndpointOptions, 'source' | 'format' | 'findStored'>;

/** Finds events that the log itself has forgotten. Throws a ServiceError `replay_too_wide`. */
export type FindStored = (event: {
  readonly source: string;
  readonly eventName: string;
  readonly messageId: string;
  readonly sinceMs: number;
}) => Promise<number | undefined>;

/** Limits can be raised while messages wait for them. */
const limitCheckMs = 5_000;

/**
 * Messages go through the path of every endpoint. The stream keeps them until they are acknowledged,
 * so they wait for the limits of their source where a request would be refused.
 */
export function createStreamEndpoint(
  context: GateContext,
  options: StreamEndpointOptions,
): StreamEndpoint {
  const { source, format, limitsOf } = options;
  const producer = { source, maySend: () => true, isCanary: false };
  let turn: Promise<void> = Promise.resolve();
  /** One after the other, so that what came first is stored first. */
  const waitForLimit = (events: number, bytes: number, signal: AbortSignal): Promise<void> => {
    if (limitsOf(source) === undefined) return Promise.resolve();
    const mine = turn.then(async () => {
      for (;;) {
        const limited = { source, limits: limitsOf(source) };
        const waitMs = await takeAllowed(context, limited, events, bytes);
        if (waitMs === 0) return;
        await sleep(Math.min(waitMs, limitCheckMs), undefined, { signal });
      }
    });
    turn = mine.catch(() => {});
    return mine;
  };
  const acceptNow = async (message: TakenMessage, signal: AbortSignal): Promise<TakenOutcome> => {
    const { batch, traceparent } = decodeMessage(format, message, context.limits);
    const events = await withoutStored(context, options, batch.events, message);
    if (events.length === 0) return { kind: 'stored' };
    await waitForLimit(events.length, message.payload.length, signal);
    const arrival: Arrival = {
      producer,
      correlationId: correlationIdOf(withCorrelation(message.headers)),
      traceparent,
      tracestate: '',
      door: natsDoor,
      rpc: events.length === 1 ? 'Track' : 'BatchTrack',
      contentType: 'application/json',
      deliveryId: message.place,
    };
    const dated = { ...batch, events: withTimes(events, message.storedAtMs) };
    return outcomeOf(await acceptedVerdicts(context.accept, dated, arrival));
  };
  return {
    accept: async (message, signal) => {
      try {
        return await acceptNow(message, signal);
      } catch (error) {
        if (signal.aborted && (error as Error).name === 'AbortError') throw error;
        const { message: reason } = error as Error;
        if (error instanceof ServiceError) {
          return { kind: 'retry', delayMs: error.retryAfterMs, reason };
        }
        context.signals.trouble(`a message of the source ${source}`, error);
        return { kind: 'retry', delayMs: undefined, reason };
      }
    },
  };
}

/**
 * A message may have waited in its stream for days. So an event without a time of its own happened when
 * the stream stored the message, and `sent_at`, compared with our clock, shows no error of another one.
 */
function withTimes(events: readonly IncomingEvent[], storedAtMs: number): IncomingEvent[] {
  const agoMs = Math.round(ageMs(storedAtMs));
  return events.map((event) =>
    event.occurredAt === ''
      ? { ...event, clock: { ...event.clock, agoMs } }
      : { ...event, clock: { ...event.clock, exact: true } },
  );
}

/** 0 if the events are allowed now, and then they count; else how many ms to wait. */
function takeAllowed(
  { limiter }: GateContext,
  producer: { readonly source: string; readonly limits: SourceLimits | undefined },
  events: number,
  bytes: number,
): Promise<number> {
  const limited = limitedSource({ ...producer, maySend: () => true, isCanary: false });
  if (limited === undefined) return Promise.resolve(0);
  // A message has one answer, so that a part of it must not be taken.
  const ask = { events, bytes, isWhole: true };
  return new Promise((resolve) => {
    limiter.take(limited, ask, ({ limit, waitMs }) =>
      resolve(limit === undefined ? 0 : Math.max(1, waitMs)),
    );
  });
}

/** As our own `nats` destination names it. */
function withCorrelation(headers: StreamMessage['headers']): Record<string, string> {
  const id = headers['x-correlation-id'] ?? headers['correlation_id'];
  return id === undefined ? {} : { 'x-correlation-id': id };
}

/** Leaves out what an earlier delivery has stored. */
async function withoutStored(
  { signals }: GateContext,
  { source, nameOf, findStored }: StreamEndpointOptions,
  events: readonly IncomingEvent[],
  { mayBeStoredSinceMs: sinceMs }: TakenMessage,
): Promise<readonly IncomingEvent[]> {
  if (sinceMs === undefined) return events;
  const left: IncomingEvent[] = [];
  for (const [index, event] of events.entries()) {
    const { idempotencyKey, fault } = event;
    const eventName = nameOf(event);
    const isName = fault === undefined && nameProblem(eventName) === undefined;
    const messageId = messageIdOf(source, idempotencyKey);
    const sequence = isName
      ? await findStored({ source, eventName, messageId, sinceMs }).catch(tooWide)
      : undefined;
    if (sequence === undefined) {
      left.push(event);
      continue;
    }
    signals.eventValidated(source, eventName, {
      index,
      idempotencyKey,
      eventId: eventIdFor(source, idempotencyKey),
      status: 'duplicate',
      timestampMs: 0,
      schemaVersion: 0,
      sequence,
      error: undefined,
      warnings: [],
    });
  }
  return left;
}

/** More events than can be looked through: a second copy has the same id, and none must be lost. */
function tooWide(error: unknown): undefined {
  if (error instanceof ServiceError && error.code === 'replay_too_wide') return undefined;
  throw error;
}

function outcomeOf(verdicts: readonly Verdict[]): TakenOutcome {
  const retries = verdicts.filter(({ status }) => status === 'retry');
  if (retries.length > 0) {
    const delays = retries.map(({ retryAfterMs = 0 }) => retryAfterMs);
    const delayMs = Math.max(...delays) || undefined;
    return { kind: 'retry', delayMs, reason: retries[0]!.error?.message ?? '' };
  }
  const isStored = verdicts.every(({ status }) => status !== 'rejected');
  return { kind: isStored ? 'stored' : 'quarantined' };
}
