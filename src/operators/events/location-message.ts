import { create, fromJson, type JsonValue, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs, TimestampSchema } from '@bufbuild/protobuf/wkt';

import { DeliveryAttemptSchema } from '../../../gen/headgate/v1/dead_letter_pb.ts';
import {
  DestinationFate_State as State,
  DestinationFateSchema,
  type PastRedeliverySchema,
  StoredLocationSchema,
  type DestinationFate,
  type StoredLocation,
} from '../../../gen/headgate/v1/event_service_pb.ts';
import { eventNameOf, sourceOf } from '../../event/delivery-attempt.ts';
import { decodeStoredEvent } from '../../event/stored-event.ts';
import { readTime } from '../../event/time/time-text.ts';
import { relayHeader, takenAtHeader } from '../../jetstream/event-store.ts';
import type { StoredMessage } from '../../jetstream/read/read.ts';
import type { DeliveryFate, FateKind } from '../../locate/destination-fate.ts';

/** The location of a message of EVENTS, without its destinations. */
export function locationMessage(message: StoredMessage): StoredLocation {
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
    relay: message.header(relayHeader),
    ...timeField('takenAt', message.header(takenAtHeader)),
  });
}

function timeField(name: 'occurredAt' | 'sentAt' | 'takenAt', text: string | undefined) {
  const time = text === undefined ? undefined : readTime(text);
  return time === undefined ? {} : { [name]: fromJson(TimestampSchema, time) };
}

const states: Readonly<Record<FateKind, State>> = {
  waiting: State.WAITING,
  aside: State.ASIDE,
  'in work': State.IN_WORK,
  retrying: State.RETRYING,
  delivered: State.DELIVERED,
  filtered: State.FILTERED,
  'before start': State.BEFORE_START,
  dead: State.DEAD,
  discarded: State.DISCARDED,
  missing: State.MISSING,
  unknown: State.UNKNOWN,
};

/** The state of one event at one destination. */
export function fateMessage(
  destination: string,
  fate: DeliveryFate,
  redelivered?: MessageInitShape<typeof PastRedeliverySchema>,
): DestinationFate {
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
    ...(redelivered && { redelivered }),
  };
  if (fate.nextAttemptMs !== undefined) message.nextAttempt = timestampFromMs(fate.nextAttemptMs);
  if (deliveredMs !== undefined) {
    const { after, by } = deliveredMs;
    message.deliveredAfter = timestampFromMs(Math.round(after));
    if (by !== undefined) message.deliveredBy = timestampFromMs(Math.round(by));
  }
  if (related.replayed !== undefined)
    message.replayedAt = timestampFromMs(related.replayed.storedAtMs);
  if (fate.laneCopy !== undefined) {
    const { redelivery, storedAtMs, isInWork, ahead } = fate.laneCopy;
    const copiedAt = timestampFromMs(storedAtMs);
    message.redelivery = { id: redelivery, copiedAt, inWork: isInWork, ahead: BigInt(ahead) };
  }
  if (kind === 'dead' || kind === 'discarded') addEnd(message, kind, related);
  const waits = (['waiting', 'aside', 'in work', 'retrying'] as const).some((one) => one === kind);
  if (waits && worker !== undefined && worker.kind !== 'running') {
    message.reason = worker.reason === '' ? worker.kind : `${worker.kind}: ${worker.reason}`;
    if (worker.nextProbeMs !== undefined) message.nextProbe = timestampFromMs(worker.nextProbeMs);
  }
  return create(DestinationFateSchema, message);
}

const decoder = new TextDecoder();

/** The fields of an entry of DEAD that are shown here. */
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
