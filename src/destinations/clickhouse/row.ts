import { rawJson } from '../../event/changed-properties.ts';
import { isUuid } from '../../event/event-id.ts';
import { parseByHand } from '../../event/json/parse-json.ts';
import { readEventTime, type StoredEvent } from '../../event/stored-event.ts';
import type { Delivery } from '../destination.ts';
import { cutPayload, type PayloadMembers } from '../payload-members.ts';
import { readEvent } from '../readable-event.ts';
import { tsvNull, tsvText } from './tab-separated.ts';

/** A row as TabSeparated has it: the values of `rowColumns`. */
export interface ClickhouseRow {
  readonly eventId: string;
  readonly sequence: number;
  /** Without `event_time`. */
  readonly values: string;
  readonly eventTime: string;
}

/** The columns that every table has, in the order of the values of a row. `event_time` follows. */
export const rowColumns = [
  'event_id',
  'event_name',
  'source',
  'timestamp',
  'user_id',
  'anonymous_id',
  'idempotency_key',
  'schema_version',
  'properties',
  'context',
  'occurred_at',
  'sent_at',
  'correlation_id',
  'traceparent',
  'sequence',
  'warnings',
] as const;

/** The line of a row for an insert. */
export function rowText({ values, eventTime }: ClickhouseRow, hasEventTime: boolean): string {
  return hasEventTime ? `${values}\t${eventTime}\n` : `${values}\n`;
}

/** The range of DateTime64. ClickHouse would store another time in place of one outside it. */
const timestamp = /^(19|2[0-2])\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:\d\d(\.\d{1,3})?Z$/;

/**
 * The row of an event, or the reason why it cannot be one. ClickHouse refuses a whole insert for
 * one bad value, or stores another value in its place, so every value is validated here.
 */
export function rowOf(delivery: Delivery): ClickhouseRow | string {
  const members = cutPayload(decoder.decode(delivery.payload));
  return members === undefined || members.eventTime === ''
    ? rowOfParsed(delivery)
    : rowOfMembers(members, delivery.sequence);
}

function faultOfEvent(eventId: string, time: string): string | undefined {
  if (!isUuid(eventId)) return 'not a stored event: its eventId is not a UUID';
  if (timestamp.test(time) && !Number.isNaN(Date.parse(time))) return undefined;
  return 'not a stored event: its timestamp is not a time from 1900 to 2299, in UTC';
}

/** Most events: their values are copied, and the JSON in them becomes text. */
function rowOfMembers(members: PayloadMembers, sequence: number): ClickhouseRow | string {
  const { eventId, eventName, source, idempotencyKey } = members;
  if (eventName === '' || source === '' || idempotencyKey === '') return 'not a stored event';
  const fault = faultOfEvent(eventId, members.timestamp);
  if (fault !== undefined) return fault;
  const time = columnTime(members.eventTime);
  return {
    eventId,
    sequence,
    // An id has no character that is escaped: cutPayload.
    values:
      `${eventId}\t${eventName}\t${source}\t${members.timestamp}\t` +
      `${members.userId || tsvNull}\t${members.anonymousId || tsvNull}\t${idempotencyKey}\t` +
      `${members.schemaVersion || tsvNull}\t${tsvText(members.properties || '{}')}\t` +
      `${members.context === '' ? tsvNull : tsvText(members.context)}\t` +
      `${members.occurredAt || tsvNull}\t${members.sentAt || tsvNull}\t` +
      `${members.correlationId || tsvNull}\t${members.traceparent || tsvNull}\t${sequence}\t` +
      `${members.warnings === '' ? tsvNull : tsvText(members.warnings)}`,
    eventTime: time ?? tsvNull,
  };
}

function rowOfParsed(delivery: Delivery): ClickhouseRow | string {
  const event = readEvent(delivery);
  if (typeof event === 'string') return event;
  const fault = faultOfEvent(event.eventId, event.timestamp);
  if (fault !== undefined) return fault;
  if (typeof event.source !== 'string' || typeof event.idempotencyKey !== 'string') {
    return 'not a stored event: it has no source or no idempotencyKey';
  }
  const exact = withExactNumbers(event, delivery.payload);
  const values = [
    event.eventId,
    event.eventName,
    event.source,
    event.timestamp,
    event.userId,
    event.anonymousId,
    event.idempotencyKey,
    event.schemaVersion,
    JSON.stringify(exact.properties ?? {}),
    exact.context && JSON.stringify(exact.context),
    event.occurredAt,
    event.sentAt,
    event.correlationId,
    event.traceparent,
    delivery.sequence,
    event.warnings && JSON.stringify(event.warnings),
  ];
  return {
    eventId: event.eventId,
    sequence: delivery.sequence,
    values: values
      .map((value) => (value === undefined || value === null ? tsvNull : tsvText(String(value))))
      .join('\t'),
    eventTime: columnTime(readEventTime(event)) ?? tsvNull,
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
