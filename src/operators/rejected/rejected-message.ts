import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';

import { EventResult_Status } from '../../../gen/headgate/v1/event_result_pb.ts';
import {
  RejectedEventSchema,
  type RejectedEvent,
} from '../../../gen/headgate/v1/rejected_event_pb.ts';
import {
  RejectedCountSchema,
  ReplayResultSchema,
  type RejectedCount,
  type ReplayResult as ReplayResultMessage,
} from '../../../gen/headgate/v1/rejected_service_pb.ts';
import type { EventStatus } from '../../event/verdict.ts';
import type { RejectedGroup } from '../../quarantine/count-rejected.ts';
import type { RejectedEntry } from '../../quarantine/rejected-entry.ts';
import type { Found } from '../../quarantine/rejected-events.ts';
import type { ReplayResult } from '../../quarantine/replay.ts';

const statuses: Readonly<Record<EventStatus, EventResult_Status>> = {
  accepted: EventResult_Status.ACCEPTED,
  duplicate: EventResult_Status.DUPLICATE,
  rejected: EventResult_Status.REJECTED,
  retry: EventResult_Status.RETRY,
};

/** With `textOf`, the message includes the sent event, as bytes and as the text of an event. */
export function rejectedMessage(
  found: Found,
  textOf?: (entry: RejectedEntry) => string,
): RejectedEvent {
  const { entry, error, replay, discard } = found;
  const { sequence, source, eventName, idempotencyKey, door, contentType, correlationId } = entry;
  return create(RejectedEventSchema, {
    sequence: BigInt(sequence),
    source,
    eventName,
    idempotencyKey,
    receivedAt: timestampFromMs(entry.receivedAtMs),
    error: { code: error.code, message: error.message, violations: [...error.violations] },
    door,
    contentType,
    correlationId,
    sizeBytes: entry.bytes.length,
    ...(replay !== undefined && {
      replay: {
        replayedAt: timestampFromMs(replay.atMs),
        status: statuses[replay.status],
        sequence: BigInt(replay.storedSequence),
      },
    }),
    ...(discard !== undefined && {
      discard: { discardedAt: timestampFromMs(discard.atMs), why: discard.why },
    }),
    ...(textOf !== undefined && {
      original: new Uint8Array(entry.bytes),
      eventJson: textOf(entry),
    }),
  });
}

export function countMessage(group: RejectedGroup): RejectedCount {
  const { source, eventName, code, bucketMs, count, firstMs, lastMs } = group;
  return create(RejectedCountSchema, {
    source,
    eventName,
    code,
    ...(bucketMs !== undefined && { bucket: timestampFromMs(bucketMs) }),
    count: BigInt(count),
    firstAt: timestampFromMs(firstMs),
    lastAt: timestampFromMs(lastMs),
  });
}

export function replayMessage(result: ReplayResult): ReplayResultMessage {
  const { entry, eventName, idempotencyKey, status, error, storedSequence } = result;
  return create(ReplayResultSchema, {
    sequence: BigInt(entry.sequence),
    source: entry.source,
    eventName,
    idempotencyKey,
    status: statuses[status],
    storedSequence: BigInt(storedSequence),
    ...(error !== undefined && { error: { ...error, violations: [...error.violations] } }),
  });
}
