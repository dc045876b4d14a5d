import { create, fromJson, type JsonValue, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs, type Timestamp } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';

import { DeliveryAttemptSchema } from '../../gen/headgate/v1/dead_letter_pb.ts';
import {
  DestinationFate_State as State,
  DestinationFateSchema,
  StoredLocationSchema,
  type DestinationFate,
  type EventService,
  type StoredLocation,
} from '../../gen/headgate/v1/event_service_pb.ts';
import { eventNameOf, sourceOf } from '../event/delivery-attempt.ts';
import type { EventFilter } from '../event/event-filter.ts';
import { decodeStoredEvent } from '../event/stored-event.ts';
import type { Log } from '../jetstream/log.ts';
import type { StoredMessage } from '../jetstream/read/read.ts';
import type { Signals } from '../observability/signals.ts';
import { answerOperators } from './answer-operators.ts';
import { notTaken } from './operator-answers.ts';
import { createRejectedEvents } from '../quarantine/rejected-events.ts';
import { messageOf } from './rejected-service.ts';
import { createReplayMarks } from '../quarantine/replay-marks.ts';
import {
  createFateReader,
  type DeliveryFate,
  type FateKind,
  type LocatedDestination,
  type LocatedEvent,
} from '../locate/destination-fate.ts';
import { searchFrom, searchPage } from '../locate/search.ts';

export interface EventServiceOptions {
  readonly log: Log;
  readonly signals: Signals;
  /** Those of the configuration. */
  readonly destinations: readonly (EventFilter & { readonly name: string })[];
  /** Undefined: no worker is in this process. */
  readonly delivery:
    | {
        stateOf(name: string): ReturnType<LocatedDestination['stateOf']>;
        storedOf(name: string): LocatedDestination['stored'];
      }
    | undefined;
}

/** What is a correlation id is one of these: gate/exchange.ts. */
const idPattern = /^[\u0021-\u007e]{1,128}$/;
const namePattern = /^[a-z0-9_-]*$/;
const dayMs = 86_400_000;

/** `headgate.v1.EventService`, for the admin port. Nothing is written, and no consumer is made. */
export function createEventService(options: EventServiceOptions): ServiceImpl<typeof EventService> {
  const { log } = options;
  const answer = answerOperators('the service that locates events', options.signals, notTaken);
  const rejected = createRejectedEvents(log, createReplayMarks(log));
  return {
    locate: ({ id, since, until, source, eventName, pageToken }) =>
      answer(async () => {
        if (!idPattern.test(id)) {
          refuse(
            'id is missing, or is none: give an event_id, an idempotency_key or a correlation_id.',
          );
        }
        if (!namePattern.test(source)) refuse('source is no name.');
        if (!namePattern.test(eventName)) refuse('event_name is no name.');
        const sinceMs =
          since === undefined ? searchFrom(id, Date.now(), dayMs) : timestampMs(since);
        const untilMs = until === undefined ? Number.POSITIVE_INFINITY : timestampMs(until);
        const search = { id, sinceMs, untilMs, source, eventName };
        const page = await searchPage(log, search, pageToken);
        const stored = await locateStored(page.stored, options);
        const found = await Promise.all(page.rejected.map((sequence) => rejected.get(sequence)));
        return {
          events: [
            ...stored.map((value) => ({ place: { case: 'stored' as const, value } })),
            ...found
              .filter((one) => one !== undefined)
              .map((one) => ({ place: { case: 'rejected' as const, value: messageOf(one) } })),
          ],
          nextPageToken: page.nextPageToken,
          walk: page.walk,
          searchedFrom: timestampFromMs(Math.max(0, sinceMs)),
        };
      }),
  };
}

function refuse(message: string): never {
  throw new ConnectError(message, Code.InvalidArgument);
}

/** One after another: a batch of a hundred is no reason to ask the log a thousand things at once. */
async function locateStored(
  messages: readonly StoredMessage[],
  { log, destinations, delivery }: EventServiceOptions,
): Promise<StoredLocation[]> {
  const readers = destinations.map(({ name, events, sources }) => {
    const filter = { events, sources };
    const stateOf = () => delivery?.stateOf(name);
    const stored = delivery?.storedOf(name);
    return { name, read: createFateReader(log, { name, filter, stateOf, stored }) };
  });
  const located: StoredLocation[] = [];
  for (const message of messages) {
    const location = locationOf(message);
    const placed: LocatedEvent = {
      sequence: message.sequence,
      subject: message.subject,
      eventName: location.eventName,
      eventId: location.eventId,
      timestampMs: timestampMs(location.receivedAt!),
      storedAtMs: message.storedAtMs,
    };
    for (const { name, read } of readers) {
      location.destinations.push(fateMessage(name, await read(placed)));
    }
    located.push(location);
  }
  return located;
}

function locationOf(message: StoredMessage): StoredLocation {
  const event = decodeStoredEvent(message.payload);
  return create(StoredLocationSchema, {
    sequence: BigInt(message.sequence),
    eventId: event.eventId,
    idempotencyKey: event.idempotencyKey,
    correlationId: message.header('Headgate-Correlation-Id'),
    eventName: eventNameOf(message.subject),
    source: sourceOf(message.subject),
    door: message.header('Headgate-Door'),
    schemaVersion: event.schemaVersion ?? 0,
    warningCodes: (event.warnings ?? []).map(({ code }) => code),
    ...timeField('occurredAt', event.occurredAt),
    ...timeField('sentAt', event.sentAt),
    receivedAt: timestampFromMs(Date.parse(event.timestamp)),
    storedAt: timestampFromMs(message.storedAtMs),
  });
}

function timeField(name: 'occurredAt' | 'sentAt', text: string | undefined) {
  return text === undefined || text === '' ? {} : { [name]: timestampFromMs(Date.parse(text)) };
}

const states: Readonly<Record<FateKind, State>> = {
  waiting: State.WAITING,
  'in work': State.IN_WORK,
  retrying: State.RETRYING,
  delivered: State.DELIVERED,
  filtered: State.FILTERED,
  dead: State.DEAD,
  discarded: State.DISCARDED,
  missing: State.MISSING,
  unknown: State.UNKNOWN,
};

function fateMessage(destination: string, fate: DeliveryFate): DestinationFate {
  const { kind, worker, deliveredMs, related } = fate;
  const message: MessageInitShape<typeof DestinationFateSchema> = {
    destination,
    state: states[kind],
    ahead: BigInt(fate.ahead),
    attempts: fate.attempts.map((attempt) =>
      fromJson(DeliveryAttemptSchema, attempt as unknown as JsonValue, {
        ignoreUnknownFields: true,
      }),
    ),
    asked: fate.asked,
    reason: fate.reason,
  };
  if (fate.nextAttemptMs !== undefined) message.nextAttempt = timestampFromMs(fate.nextAttemptMs);
  if (deliveredMs !== undefined) {
    const [after, by] = deliveredMs.map((ms) => timestampFromMs(Math.round(ms))) as [
      Timestamp,
      Timestamp,
    ];
    Object.assign(message, { deliveredAfter: after, deliveredBy: by });
  }
  if (related.replayed !== undefined)
    message.replayedAt = timestampFromMs(related.replayed.storedAtMs);
  if (kind === 'dead' || kind === 'discarded') addEnd(message, kind, related);
  const waits = kind === 'waiting' || kind === 'in work' || kind === 'retrying';
  if (waits && worker !== undefined && worker.kind !== 'running') {
    message.reason = worker.reason === '' ? worker.kind : `${worker.kind}: ${worker.reason}`;
    if (worker.nextProbeMs !== undefined) message.nextProbe = timestampFromMs(worker.nextProbeMs);
  }
  return create(DestinationFateSchema, message);
}

const decoder = new TextDecoder();

/** What an entry of DEAD says of itself; its event is left where it is. */
interface EntryFacts {
  readonly id?: string;
  readonly reason?: string;
  readonly discardedWhy?: string;
}

function addEnd(
  message: MessageInitShape<typeof DestinationFateSchema>,
  kind: 'dead' | 'discarded',
  { dead, discarded }: DeliveryFate['related'],
): void {
  const entry = (kind === 'dead' ? dead : discarded)!;
  const facts = JSON.parse(decoder.decode(entry.payload)) as EntryFacts;
  message.reason = (kind === 'dead' ? facts.reason : facts.discardedWhy) ?? '';
  message.deadLetterId = facts.id ?? '';
  message.endedAt = timestampFromMs(entry.storedAtMs);
}
