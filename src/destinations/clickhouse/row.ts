import { rawJson } from '../../event/changed-properties.ts';
import { parseByHand } from '../../event/json/parse-json.ts';
import { readEventTime, type StoredEvent } from '../../event/stored-event.ts';
import type { Delivery } from '../destination.ts';
import { readEvent } from '../readable-event.ts';

/** A row as it is sent. Absent members are NULL. */
export type ClickhouseRow = Readonly<Record<string, string | number | undefined>>;

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The range of DateTime64. ClickHouse would store another time in place of one outside it. */
const timestamp = /^(19|2[0-2])\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:\d\d(\.\d{1,3})?Z$/;

/**
 * The row of an event, or the reason why it cannot be one. ClickHouse refuses a whole insert for
 * one bad value, or stores another value in its place, so every value is validated here.
 */
export function rowOf(delivery: Delivery): ClickhouseRow | string {
  const event = readEvent(delivery);
  if (typeof event === 'string') return event;
  if (!uuid.test(event.eventId)) return 'not a stored event: its eventId is not a UUID';
  if (!timestamp.test(event.timestamp) || Number.isNaN(Date.parse(event.timestamp))) {
    return 'not a stored event: its timestamp is not a time from 1900 to 2299, in UTC';
  }
  if (typeof event.source !== 'string' || typeof event.idempotencyKey !== 'string') {
    return 'not a stored event: it has no source or no idempotencyKey';
  }
  const exact = withExactNumbers(event, delivery.payload);
  return {
    event_id: event.eventId,
    event_name: event.eventName,
    source: event.source,
    timestamp: event.timestamp,
    user_id: event.userId,
    anonymous_id: event.anonymousId,
    idempotency_key: event.idempotencyKey,
    schema_version: event.schemaVersion,
    properties: JSON.stringify(exact.properties ?? {}),
    context: exact.context && JSON.stringify(exact.context),
    occurred_at: event.occurredAt,
    sent_at: event.sentAt,
    correlation_id: event.correlationId,
    traceparent: event.traceparent,
    sequence: delivery.sequence,
    warnings: event.warnings && JSON.stringify(event.warnings),
    event_time: columnTime(readEventTime(event)),
  };
}

/** The column has milliseconds. Undefined if it cannot hold the time, which an import may have. */
function columnTime(time: string): string | undefined {
  const text = `${time.slice(0, '2026-03-01T12:00:00.000'.length).replace('Z', '')}Z`;
  return timestamp.test(text) ? text : undefined;
}

/** A number that a double may not hold exactly: at least 17 characters, or an exponent. */
const longNumber = /[:,[]\s*-?(?:[\d.]{17}|[\d.]+[eE])/;

const decoder = new TextDecoder();

/**
 * Parses the event again, with numbers as text if they would lose a digit. It is slow, but rarely
 * needed.
 */
function withExactNumbers(event: StoredEvent, payload: Uint8Array): StoredEvent {
  const text = decoder.decode(payload);
  if (!longNumber.test(text)) return event;
  return parseByHand(text, rawJson) as unknown as StoredEvent;
}
