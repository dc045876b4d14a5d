import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';

import { EventResult_Status } from '../../gen/headgate/v1/event_result_pb.ts';
import { TailedEventSchema, type TailedEvent } from '../../gen/headgate/v1/tail_service_pb.ts';
import { eventNameOf, sourceOf } from '../event/delivery-attempt.ts';
import { decodeStoredEvent, type StoredEvent } from '../event/stored-event.ts';
import type { StoredMessage } from '../jetstream/read/read.ts';
import { readEntry } from '../quarantine/rejected-entry.ts';

/** A rejected entry may be a whole batch that could not be taken apart. */
export const rejectedTextBytesMax = 64 * 1024;

const decoder = new TextDecoder();

/** A message of EVENTS. */
export function acceptedEvent(message: StoredMessage): TailedEvent {
  const text = decoder.decode(message.payload);
  const stored = readStored(text);
  const receivedAtMs = Date.parse(stored?.timestamp ?? '') || message.storedAtMs;
  return create(TailedEventSchema, {
    status: EventResult_Status.ACCEPTED,
    sequence: BigInt(message.sequence),
    receivedAt: timestampFromMs(receivedAtMs),
    source: sourceOf(message.subject),
    eventName: eventNameOf(message.subject),
    idempotencyKey: stored?.idempotencyKey ?? '',
    correlationId: stored?.correlationId ?? '',
    eventId: stored?.eventId ?? '',
    schemaVersion: stored?.schemaVersion ?? 0,
    warnings: (stored?.warnings ?? []).map((warning) => ({
      ...warning,
      violations: [...warning.violations],
    })),
    eventJson: text,
  });
}

/** Undefined: another program has written to the stream. Its message is shown as it is. */
function readStored(text: string): StoredEvent | undefined {
  try {
    return decodeStoredEvent(text);
  } catch {
    return undefined;
  }
}

/** A message of REJECTED. */
export function rejectedEvent(message: StoredMessage): TailedEvent {
  const { sequence, source, eventName, idempotencyKey, correlationId, error, ...entry } =
    readEntry(message);
  return create(TailedEventSchema, {
    status: EventResult_Status.REJECTED,
    sequence: BigInt(sequence),
    receivedAt: timestampFromMs(entry.receivedAtMs),
    source,
    eventName,
    idempotencyKey,
    correlationId,
    error: { ...error, violations: [...error.violations] },
    eventJson: decoder.decode(entry.bytes.subarray(0, rejectedTextBytesMax)),
  });
}
