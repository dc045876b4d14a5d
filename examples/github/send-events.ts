import { setTimeout as delay } from 'node:timers/promises';

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type Client } from '@connectrpc/connect';

import { EventSchema, type Event } from '../../gen/headgate/v1/event_pb.ts';
import {
  EventErrorSchema,
  EventResult_Status,
  EventResultSchema,
  type EventResult,
} from '../../gen/headgate/v1/event_result_pb.ts';
import type { TrackService } from '../../gen/headgate/v1/track_service_pb.ts';
import type { MappedEvent } from './map-payload.ts';

/** An event and its last verdict. */
export interface Answered {
  readonly event: MappedEvent;
  readonly result: EventResult;
}

export interface SendOptions {
  /** Far below the gate's 1,000 events and 4 MiB: the payloads' properties are about 1 KiB each. */
  readonly batchEventsMax: number;
  /** How often an event is sent in total. After that its verdict stays `retry`. */
  readonly attemptsMax: number;
  /** The delay before the second attempt; it doubles before each further one. */
  readonly backoffMs: number;
  readonly timeoutMs: number;
}

export const sendDefaults: SendOptions = {
  batchEventsMax: 100,
  attemptsMax: 5,
  backoffMs: 200,
  timeoutMs: 30_000,
};

/**
 * Codes of a failed request that can be sent again; its events have no verdicts yet. A connection
 * that breaks during a request gives `Aborted` or `Canceled`: this program never cancels a request.
 */
const retryableCodes: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.ResourceExhausted,
  Code.Aborted,
  Code.Canceled,
]);

/**
 * Sends all events and returns the last verdict of each, in order.
 *
 * Sends events with the verdict `retry`, and events of a request that failed temporarily, again
 * under the same idempotency key, so that none is stored twice. Throws if no gate answers the first
 * request (`isNoGate`), or if a request fails permanently.
 */
export async function sendEvents(
  client: Client<typeof TrackService>,
  events: readonly MappedEvent[],
  options: SendOptions = sendDefaults,
): Promise<Answered[]> {
  const results = new Map<number, EventResult>();
  let waiting = events.map((_, index) => index);
  for (let attempt = 1; waiting.length > 0 && attempt <= options.attemptsMax; attempt += 1) {
    if (attempt > 1) await delay(options.backoffMs * 2 ** (attempt - 2));
    for (let start = 0; start < waiting.length; start += options.batchEventsMax) {
      const indices = waiting.slice(start, start + options.batchEventsMax);
      const batch = indices.map((index) => events[index]!);
      const answers = await sendBatch(client, batch, options.timeoutMs, results.size === 0);
      indices.forEach((index, position) => results.set(index, answers[position]!));
    }
    waiting = waiting.filter((index) => results.get(index)?.status === EventResult_Status.RETRY);
  }
  return events.map((event, index) => ({ event, result: results.get(index)! }));
}

const unreachableCodes: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/** True if no server listens at the address, or it cannot be reached. */
export function isNoGate(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && unreachableCodes.has(cause.code)) return true;
  }
  return false;
}

async function sendBatch(
  client: Client<typeof TrackService>,
  batch: readonly MappedEvent[],
  timeoutMs: number,
  isFirst: boolean,
): Promise<EventResult[]> {
  try {
    const request = { events: batch.map(toEvent), sentAt: timestampFromDate(new Date()) };
    const { results } = await client.batchTrack(request, { timeoutMs });
    // The contract: one verdict per event, in the order of the request.
    if (results.length !== batch.length) {
      throw new Error(`The gate returned ${results.length} verdicts for ${batch.length} events.`);
    }
    return results;
  } catch (error) {
    if (!(error instanceof ConnectError) || !retryableCodes.has(error.code)) throw error;
    if (isFirst && isNoGate(error)) throw error;
    return batch.map((_, index) => unanswered(index, error));
  }
}

function unanswered(index: number, { code, rawMessage }: ConnectError): EventResult {
  const error = create(EventErrorSchema, { code: Code[code], message: rawMessage });
  return create(EventResultSchema, { index, status: EventResult_Status.RETRY, error });
}

/**
 * Sends the properties as text, not as a Struct: text costs the gate less, and keeps every digit of
 * an id.
 */
function toEvent(mapped: MappedEvent): Event {
  const init: MessageInitShape<typeof EventSchema> = {
    eventName: mapped.eventName,
    userId: mapped.userId ?? '',
    anonymousId: mapped.anonymousId ?? '',
    idempotencyKey: mapped.idempotencyKey,
    propertiesJson: JSON.stringify(mapped.properties),
    context: mapped.context,
  };
  if (mapped.occurredAt !== undefined) init.occurredAt = timestampFromDate(mapped.occurredAt);
  return create(EventSchema, init);
}
