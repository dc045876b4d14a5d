import { hasMembers, mapMembers, parseWithNumberTexts } from '../../event/changed-properties.ts';
import type { IncomingEvent } from '../../event/incoming-event.ts';
import type { JsonObject, JsonValue } from '../../event/json/json.ts';
import type { Redact } from './redact.ts';

/** The redacted form of a rejected event, kept instead of its bytes. */
export interface RedactedOriginal {
  readonly bytes: Uint8Array;
  /** False if the event was not sent as JSON: the bytes then have the form of `POST /v1/track`. */
  readonly keepsForm: boolean;
}

/**
 * The bytes of an event with the personal data in its properties redacted. JSON stays the same,
 * except for white space and repeated names; protocol buffers are written as JSON. Undefined if the
 * bytes are unreadable: they have no properties that could be redacted.
 */
export function redactOriginal(event: IncomingEvent, redact: Redact): RedactedOriginal | undefined {
  const original = Buffer.from(event.original());
  const sent = objectIn(original);
  if (sent !== undefined) {
    return { bytes: Buffer.from(JSON.stringify(redactSent(sent, redact))), keepsForm: true };
  }
  if (event.fault !== undefined && isUnreadable(event)) return undefined;
  return { bytes: Buffer.from(JSON.stringify(flatEvent(event, redact))), keepsForm: false };
}

/** Whether no field of the event could be read: its text has no known structure to redact. */
function isUnreadable({
  eventName,
  idempotencyKey,
  userId,
  anonymousId,
  properties,
}: IncomingEvent) {
  return (
    eventName === '' &&
    idempotencyKey === '' &&
    userId === '' &&
    anonymousId === '' &&
    Object.keys(properties).length === 0
  );
}

function objectIn(bytes: Buffer): JsonObject | undefined {
  try {
    const value = parseWithNumberTexts(bytes.toString('utf8').replace(/^\ufeff/, ''));
    return hasMembers(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Redacts an event, or a request of the RPC Track that holds it. */
function redactSent(sent: JsonObject, redact: Redact): JsonObject {
  const { event } = sent;
  if (event !== undefined && hasMembers(event)) {
    return mapMembers(sent, (name, value) =>
      name === 'event' ? redactEvent(event, redact) : value,
    );
  }
  return redactEvent(sent, redact);
}

const envelope = new Set(['event_name', 'eventName', 'idempotency_key', 'idempotencyKey']);

function redactEvent(event: JsonObject, redact: Redact): JsonObject {
  return mapMembers(event, (name, value): JsonValue | undefined => {
    if (envelope.has(name)) return value;
    if (name === 'properties') return hasMembers(value) ? redact(value) : value;
    if (name === 'properties_json' || name === 'propertiesJson') {
      const properties = typeof value === 'string' ? objectIn(Buffer.from(value)) : undefined;
      return properties === undefined ? value : JSON.stringify(redact(properties));
    }
    // A property beside `properties`, put there by mistake, is just as personal.
    return redact({ [name]: value })[name];
  });
}

/** In the form of `POST /v1/track`. */
function flatEvent(event: IncomingEvent, redact: Redact): JsonObject {
  const { userId, anonymousId, idempotencyKey, context, occurredAt, schemaVersion } = event;
  return {
    event_name: event.eventName,
    ...(userId === '' ? {} : { user_id: userId }),
    ...(anonymousId === '' ? {} : { anonymous_id: anonymousId }),
    idempotency_key: idempotencyKey,
    properties: redact(exactProperties(event)),
    ...(context === undefined ? {} : { context }),
    ...(occurredAt === '' ? {} : { occurred_at: occurredAt }),
    ...(schemaVersion === 0 ? {} : { schema_version: schemaVersion }),
  };
}

function exactProperties({ properties, propertiesText }: IncomingEvent): JsonObject {
  return propertiesText === undefined
    ? properties
    : (parseWithNumberTexts(propertiesText) as JsonObject);
}
