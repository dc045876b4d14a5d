import { rawJson } from '../../../event/changed-properties.ts';
import { parseByHand } from '../../../event/json/parse-json.ts';
import { readEventTime, type StoredEvent } from '../../../event/stored-event.ts';
import { readTime } from '../../../event/time/time-text.ts';
import type { Delivery } from '../../destination.ts';
import { cutPayload, type PayloadMembers } from '../../payload-members.ts';
import { readEvent } from '../../readable-event.ts';
import { payloadText } from './payload-text.ts';
import type { InsertedColumn } from './row-layout.ts';
import type { RowWriter } from './row-writer.ts';

/** The columns of the table of all events, in the order of the values of a row. `event_time` follows. */
export const rowColumns: readonly InsertedColumn[] = [
  ['event_id', 'UUID'],
  ['event_name', 'LowCardinality(String)'],
  ['source', 'LowCardinality(String)'],
  ['timestamp', "DateTime64(3, 'UTC')"],
  ['user_id', 'Nullable(String)'],
  ['anonymous_id', 'Nullable(String)'],
  ['idempotency_key', 'String'],
  ['schema_version', 'Nullable(UInt32)'],
  ['properties', 'String'],
  ['context', 'Nullable(String)'],
  ['occurred_at', 'Nullable(String)'],
  ['sent_at', 'Nullable(String)'],
  ['correlation_id', 'Nullable(String)'],
  ['traceparent', 'Nullable(String)'],
  ['sequence', 'UInt64'],
  ['warnings', 'Nullable(String)'],
];

/** Tables of earlier versions lack it. */
export const eventTimeColumn: InsertedColumn = ['event_time', "Nullable(DateTime64(3, 'UTC'))"];

/** The range of DateTime64. ClickHouse would store another time in place of one outside it. */
const timestamp = /^(19|2[0-2])\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:\d\d(\.\d{1,3})?Z$/;

/**
 * Writes the row of an event, or returns the reason why it cannot be one. ClickHouse refuses a whole insert for
 * one bad value, or stores another value in its place, so every value is validated here.
 */
export function writeEventRow(
  rows: RowWriter,
  delivery: Delivery,
  hasEventTime: boolean,
): string | undefined {
  const { text, isAscii } = payloadText(delivery.payload);
  const members = cutPayload(text);
  const { sequence } = delivery;
  if (members === undefined || members.eventTime === '') {
    const parsed = membersOfParsed(delivery);
    if (typeof parsed === 'string') return parsed;
    return writeMembers(rows, parsed, { sequence, hasEventTime, isAscii: false });
  }
  const { eventName, source, idempotencyKey } = members;
  if (eventName === '' || source === '' || idempotencyKey === '') return 'not a stored event';
  return writeMembers(rows, members, { sequence, hasEventTime, isAscii, emptyIsNone: true });
}

/** The values as the payload has them, JSON as its text. Null where the event has no value. */
type RowMembers = { readonly [Name in keyof PayloadMembers]?: string | null | undefined };

interface RowFacts {
  readonly sequence: number;
  readonly hasEventTime: boolean;
  readonly isAscii: boolean;
  /** Members that were cut from the payload: an empty text stands for no value. */
  readonly emptyIsNone?: boolean;
}

function writeMembers(
  rows: RowWriter,
  members: RowMembers,
  { sequence, hasEventTime, isAscii, emptyIsNone = false }: RowFacts,
): string | undefined {
  const time = members.timestamp ?? '';
  if (!rows.uuid(members.eventId ?? '')) return 'not a stored event: its eventId is not a UUID';
  if (!timestamp.test(time) || readTime(time) === undefined) {
    rows.drop();
    return 'not a stored event: its timestamp is not a time from 1900 to 2299, in UTC';
  }
  const optional = (value: string | null | undefined): void => {
    if (value === undefined || value === null || (emptyIsNone && value === '')) return rows.none();
    rows.some();
    rows.text(value, isAscii);
  };
  rows.text(members.eventName ?? '', isAscii);
  rows.text(members.source ?? '', isAscii);
  rows.time(time, 3);
  optional(members.userId);
  optional(members.anonymousId);
  rows.text(members.idempotencyKey ?? '', isAscii);
  writeVersion(rows, members.schemaVersion ?? '');
  rows.text(members.properties || '{}', isAscii);
  optional(members.context);
  optional(members.occurredAt);
  optional(members.sentAt);
  optional(members.correlationId);
  optional(members.traceparent);
  rows.integer64(sequence);
  optional(members.warnings);
  if (hasEventTime) writeEventTime(rows, members.eventTime ?? '');
  return undefined;
}

function writeVersion(rows: RowWriter, version: string): void {
  if (version === '') return rows.none();
  rows.some();
  rows.uint32(Number(version));
}

/**
 * The column has milliseconds. It has no value where it cannot hold the time, as an import may have one, and where
 * the text is not a time: the server would read another time from its bytes, or refuse its text.
 */
function writeEventTime(rows: RowWriter, time: string): void {
  const utc = readTime(time);
  if (utc === undefined) return rows.none();
  const text = `${utc.slice(0, '2026-03-01T12:00:00.000'.length)}Z`;
  if (!timestamp.test(text)) return rows.none();
  rows.some();
  rows.time(text, 3);
}

/** Of a payload in any form. Or the reason why it cannot be a row. */
function membersOfParsed(delivery: Delivery): RowMembers | string {
  const event = readEvent(delivery);
  if (typeof event === 'string') return event;
  if (typeof event.source !== 'string' || typeof event.idempotencyKey !== 'string') {
    return 'not a stored event: it has no source or no idempotencyKey';
  }
  // Checked as the text that the row gets: `Number(true)` is 1, but the text `true` is no number.
  const schemaVersion = textOf(event.schemaVersion);
  if (schemaVersion !== undefined && !isUint32(Number(schemaVersion))) {
    return 'not a stored event: its schemaVersion is not a number';
  }
  const exact = withExactNumbers(event, delivery.payload);
  const json = (value: unknown): string | undefined => (value ? JSON.stringify(value) : undefined);
  return {
    eventId: event.eventId,
    eventName: event.eventName,
    source: event.source,
    timestamp: event.timestamp,
    eventTime: readEventTime(event),
    userId: textOf(event.userId),
    anonymousId: textOf(event.anonymousId),
    idempotencyKey: event.idempotencyKey,
    schemaVersion,
    properties: JSON.stringify(exact.properties ?? {}),
    context: json(exact.context),
    occurredAt: textOf(event.occurredAt),
    sentAt: textOf(event.sentAt),
    correlationId: textOf(event.correlationId),
    traceparent: textOf(event.traceparent),
    warnings: json(event.warnings),
  };
}

function isUint32(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < 2 ** 32;
}

/** A producer of another version may have stored a number. */
function textOf(value: unknown): string | undefined {
  return value === undefined || value === null ? undefined : String(value);
}

/** A number that a double may not hold exactly: at least 17 characters, or an exponent. */
const longNumber = /[:,[]\s*-?(?:[\d.]{17}|[\d.]+[eE])/;

/**
 * Parses the event again, with numbers as text if they would lose a digit. It is slow, but rarely
 * needed.
 */
function withExactNumbers(event: StoredEvent, payload: Uint8Array): StoredEvent {
  const { text } = payloadText(payload);
  if (!longNumber.test(text)) return event;
  return parseByHand(text, rawJson) as unknown as StoredEvent;
}
