import type { EventWarning } from './verdict.ts';
import type { IncomingEvent } from './incoming-event.ts';
import { isJsonObject, type JsonObject } from './json.ts';

/** What the server adds to an event when it takes it. */
export interface Acceptance {
  readonly eventId: string;
  readonly source: string;
  readonly timestampMs: number;
  readonly schemaVersion: number;
  readonly correlationId: string;
  /** W3C trace context of the request; empty when it had none. */
  readonly traceparent: string;
  /** RFC 3339; empty when the producer sent none. */
  readonly sentAt: string;
  readonly warnings: readonly EventWarning[];
}

/** An event as the log holds it: the ProtoJSON of `headgate.v1.StoredEvent`. */
export interface StoredEvent {
  readonly eventId: string;
  readonly eventName: string;
  readonly source: string;
  /** RFC 3339, UTC, milliseconds. */
  readonly timestamp: string;
  readonly userId?: string;
  readonly anonymousId?: string;
  readonly idempotencyKey: string;
  readonly schemaVersion?: number;
  readonly properties?: JsonObject;
  readonly context?: JsonObject;
  readonly occurredAt?: string;
  readonly sentAt?: string;
  readonly correlationId?: string;
  readonly traceparent?: string;
  readonly warnings?: readonly EventWarning[];
}

/**
 * Writes the ProtoJSON of a StoredEvent. Field by field rather than through one object: the text of
 * `properties` is spliced in as it came where a second stringify would change or cost something.
 */
export function encodeStoredEvent(event: IncomingEvent, acceptance: Acceptance): string {
  // Names and ids that passed validation hold nothing that JSON escapes, except the two identities.
  let text =
    `{"eventId":"${acceptance.eventId}","eventName":"${event.eventName}"` +
    `,"source":"${acceptance.source}","timestamp":"${new Date(acceptance.timestampMs).toISOString()}"`;
  if (event.userId !== '') text += `,"userId":${JSON.stringify(event.userId)}`;
  if (event.anonymousId !== '') text += `,"anonymousId":${JSON.stringify(event.anonymousId)}`;
  text += `,"idempotencyKey":"${event.idempotencyKey}"`;
  if (acceptance.schemaVersion !== 0) text += `,"schemaVersion":${acceptance.schemaVersion}`;
  text += `,"properties":${event.propertiesText ?? JSON.stringify(event.properties)}`;
  if (event.context !== undefined) text += `,"context":${JSON.stringify(event.context)}`;
  if (event.occurredAt !== '') text += `,"occurredAt":"${event.occurredAt}"`;
  if (acceptance.sentAt !== '') text += `,"sentAt":"${acceptance.sentAt}"`;
  text += `,"correlationId":${JSON.stringify(acceptance.correlationId)}`;
  if (acceptance.traceparent !== '') text += `,"traceparent":"${acceptance.traceparent}"`;
  if (acceptance.warnings.length > 0) text += `,"warnings":${JSON.stringify(acceptance.warnings)}`;
  return `${text}}`;
}

const decoder = new TextDecoder();

/** Reads what `encodeStoredEvent` wrote. Throws a SyntaxError or TypeError on anything else. */
export function decodeStoredEvent(payload: Uint8Array | string): StoredEvent {
  const value: unknown = JSON.parse(typeof payload === 'string' ? payload : decoder.decode(payload));
  if (!isJsonObject(value) || typeof value['eventId'] !== 'string') {
    throw new TypeError('not a stored event: it has no eventId');
  }
  return value as unknown as StoredEvent;
}
