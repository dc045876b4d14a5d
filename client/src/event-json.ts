import { fromBinary } from '@bufbuild/protobuf';
import { timestampDate, type Timestamp } from '@bufbuild/protobuf/wkt';

import { EventSchema } from './gen/headgate/v1/event_pb.ts';

/** Returns a spool record as flat JSON text in snake_case, as `POST /v1/track` accepts it. */
export function eventJson(record: Buffer): string {
  const event = fromBinary(EventSchema, withoutLength(record));
  const { eventName, userId, anonymousId, idempotencyKey, propertiesJson, occurredAt } = event;
  let text = `{"event_name":${JSON.stringify(eventName)}`;
  if (userId !== '') text += `,"user_id":${JSON.stringify(userId)}`;
  if (anonymousId !== '') text += `,"anonymous_id":${JSON.stringify(anonymousId)}`;
  text += `,"idempotency_key":${JSON.stringify(idempotencyKey)}`;
  // This is JSON text already: track() wrote it with JSON.stringify.
  if (propertiesJson !== '') text += `,"properties":${propertiesJson}`;
  if (event.context !== undefined) text += `,"context":${JSON.stringify(event.context)}`;
  if (occurredAt !== undefined) text += `,"occurred_at":"${timeOf(occurredAt)}"`;
  if (event.schemaVersion !== 0) text += `,"schema_version":${event.schemaVersion}`;
  return `${text}}`;
}

export interface RecordIdentity {
  readonly eventName: string;
  readonly idempotencyKey: string;
}

export function identityOf(record: Buffer): RecordIdentity {
  const { eventName, idempotencyKey } = fromBinary(EventSchema, withoutLength(record));
  return { eventName, idempotencyKey };
}

/** Tag of the key: 4 << 3 | 2. Only texts are before it. */
const keyTag = 34;

/** The key of a record, as track() wrote it: reads no more than needed. */
export function keyOf(record: Buffer): string {
  let at = 0;
  while (record[at]! >= 128) at += 1;
  at += 1;
  while (at < record.length) {
    const tag = record[at]!;
    let length = 0;
    let factor = 1;
    do {
      at += 1;
      length += (record[at]! & 127) * factor;
      factor *= 128;
    } while (record[at]! >= 128);
    at += 1;
    if (tag === keyTag) return record.toString('latin1', at, at + length);
    at += length;
  }
  return '';
}

function withoutLength(record: Buffer): Buffer {
  let at = 0;
  while (record[at]! >= 128) at += 1;
  return record.subarray(at + 1);
}

function timeOf(occurredAt: Timestamp): string {
  return timestampDate(occurredAt).toISOString();
}
