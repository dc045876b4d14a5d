import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';

import type { LoggedEvent } from '../../../gen/headgate/v1/event_log_service_pb.ts';
import {
  EventResult_Status as Status,
  type EventError,
  type EventWarning,
} from '../../../gen/headgate/v1/event_result_pb.ts';
import type { RejectedEvent } from '../../../gen/headgate/v1/rejected_event_pb.ts';
import type { TailedEvent } from '../../../gen/headgate/v1/tail_service_pb.ts';

/** An event as the page shows it, from the stream or from the log. */
export interface LiveEvent {
  /** In the address: `r7` is a refused event; `a<event id>@<ms>` an accepted one. */
  readonly id: string;
  readonly isAccepted: boolean;
  readonly sequence: bigint;
  readonly receivedAt: Timestamp | undefined;
  readonly source: string;
  readonly eventName: string;
  readonly eventId: string;
  readonly idempotencyKey: string;
  readonly correlationId: string;
  readonly schemaVersion: number;
  readonly warnings: readonly Pick<EventWarning, 'code' | 'message' | 'violations'>[];
  readonly error: EventError | undefined;
  readonly eventJson: string;
}

export function liveEvent(of: TailedEvent): LiveEvent {
  const isAccepted = of.status === Status.ACCEPTED;
  const { seconds, nanos } = of.receivedAt ?? { seconds: 0n, nanos: 0 };
  const ms = Number(seconds) * 1_000 + Math.floor(nanos / 1_000_000);
  return {
    id: isAccepted ? `a${of.eventId}@${ms}` : `r${of.sequence}`,
    isAccepted,
    sequence: of.sequence,
    receivedAt: of.receivedAt,
    source: of.source,
    eventName: of.eventName,
    eventId: of.eventId,
    idempotencyKey: of.idempotencyKey,
    correlationId: of.correlationId,
    schemaVersion: of.schemaVersion,
    warnings: of.warnings,
    error: of.error,
    eventJson: of.eventJson,
  };
}

/** A refused event, with its text. */
export function refusedEvent(of: RejectedEvent): LiveEvent {
  return {
    id: `r${of.sequence}`,
    isAccepted: false,
    sequence: of.sequence,
    receivedAt: of.receivedAt,
    source: of.source,
    eventName: of.eventName,
    eventId: '',
    idempotencyKey: of.idempotencyKey,
    correlationId: of.correlationId,
    schemaVersion: 0,
    warnings: [],
    error: of.error,
    eventJson: of.eventJson || new TextDecoder().decode(of.original),
  };
}

/** The members of StoredEvent's JSON that the page shows. */
interface StoredJson {
  readonly eventId?: string;
  readonly eventName?: string;
  readonly source?: string;
  readonly timestamp?: string;
  readonly idempotencyKey?: string;
  readonly correlationId?: string;
  readonly schemaVersion?: number;
  readonly warnings?: readonly { code?: string; message?: string }[];
}

/** An event of the log. Throws if its bytes are not JSON. */
export function loggedEvent({ sequence, storedJson }: LoggedEvent): LiveEvent {
  const eventJson = new TextDecoder().decode(storedJson);
  const stored = JSON.parse(eventJson) as StoredJson;
  const at = new Date(stored.timestamp ?? 0);
  return {
    id: `a${stored.eventId}@${at.getTime()}`,
    isAccepted: true,
    sequence,
    receivedAt: timestampFromDate(at),
    source: stored.source ?? '',
    eventName: stored.eventName ?? '',
    eventId: stored.eventId ?? '',
    idempotencyKey: stored.idempotencyKey ?? '',
    correlationId: stored.correlationId ?? '',
    schemaVersion: stored.schemaVersion ?? 0,
    warnings: (stored.warnings ?? []).map(({ code = '', message = '' }) => ({
      code,
      message,
      violations: [],
    })),
    error: undefined,
    eventJson,
  };
}

/** Who did it, as far as the event says so. */
export function personOf({ eventJson }: Pick<LiveEvent, 'eventJson'>): string {
  try {
    const event = JSON.parse(eventJson) as Record<string, unknown>;
    const found =
      event['userId'] ?? event['user_id'] ?? event['anonymousId'] ?? event['anonymous_id'];
    return typeof found === 'string' ? found : '';
  } catch {
    return '';
  }
}
