import { isUtf8 } from 'node:buffer';

import type { Limits } from '../../config/config.ts';
import type { NatsIntakeFormat } from '../../config/intake/nats-intake.ts';
import { ServiceError } from '../../errors.ts';
import { idempotencyKeyOf } from '../../event/event-id.ts';
import type { IncomingEvent } from '../../event/incoming-event.ts';
import { isJsonObject } from '../../event/json/json.ts';
import {
  attributePrefix,
  attributesOf,
  batchedType,
  decodeCloudEvent,
  decodeCloudEvents,
  structuredOf,
  structuredType,
} from '../cloudevents/decode-cloudevent.ts';
import { unreadableEvent } from '../decode/decode-json-event.ts';
import { decodeBatchJson, decodeTrackRest, isBatchJson } from '../decode/decode-json.ts';
import { parseExactly } from '../../event/exact-numbers.ts';
import { parseJson } from '../decode/parse-body.ts';
import type { IncomingBatch } from '../decode/incoming-batch.ts';
import { traceparentPattern } from '../exchange.ts';

/** A message of an operator's stream. */
export interface StreamMessage {
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: Buffer;
  /** Identifies the message for good: no other has it, also not in a stream that was made again. */
  readonly place: string;
}

type MessageLimits = Pick<Limits, 'requestBytesMax' | 'batchEventsMax'>;

/** What a message carries. */
export interface DecodedMessage {
  readonly batch: IncomingBatch;
  /** W3C trace context; empty without one. */
  readonly traceparent: string;
}

/**
 * Decodes a message. Never throws: a message that cannot be read is one event that will be rejected.
 *
 * An event without an idempotency key gets one of the message, so that every delivery of the message
 * has the same.
 */
export function decodeMessage(
  format: NatsIntakeFormat,
  message: StreamMessage,
  limits: MessageLimits,
): DecodedMessage {
  const sent = message.headers['traceparent'] ?? '';
  const traceparent = traceparentPattern.test(sent) ? sent : '';
  try {
    const { payload } = message;
    if (payload.length > limits.requestBytesMax) throw tooLarge(payload.length, limits);
    if (format === 'headgate') return { batch: decodeEvents(message, limits), traceparent };
    const { events, traceparent: own } = decodeFromCloud(message, limits);
    return { batch: { events, ...nothingBesides }, traceparent: traceparent || own };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return { batch: { events: [unread(message, error)], ...nothingBesides }, traceparent };
  }
}

const nothingBesides = { context: undefined, sentAt: '', validateOnly: false } as const;

function tooLarge(bytes: number, { requestBytesMax }: MessageLimits): ServiceError {
  return new ServiceError(
    'request_too_large',
    `The message has ${bytes} bytes; the limit is ${requestBytesMax} (limits.request_bytes_max).`,
  );
}

function decodeEvents(message: StreamMessage, { batchEventsMax }: MessageLimits): IncomingBatch {
  const { payload } = message;
  if (payload.length === 0) throw new ServiceError('malformed_request', 'The message is empty.');
  const base = keyBaseOf(message);
  if (!isBatchJson(payload)) {
    const event = withKey(decodeTrackRest(payload), idempotencyKeyOf('nats', base));
    return { events: [event], ...nothingBesides };
  }
  const batch = decodeBatchJson(payload, 'rest', batchEventsMax);
  if (batch.validateOnly) {
    throw new ServiceError(
      'malformed_request',
      'The message has validate_only, so that its events would not be stored. Leave it out.',
    );
  }
  const events = batch.events.map((event, index) =>
    withKey(event, idempotencyKeyOf('nats', `${base}#${index}`)),
  );
  return { ...batch, events };
}

/** https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/nats-protocol-binding.md */
function decodeFromCloud(
  { headers, payload }: StreamMessage,
  { batchEventsMax }: MessageLimits,
): { readonly events: readonly IncomingEvent[]; readonly traceparent: string } {
  const type = (headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase();
  if (type === batchedType) {
    return { events: decodeCloudEvents(payload, batchEventsMax), traceparent: '' };
  }
  const isBinary = type !== structuredType && hasAttributes(headers);
  if (payload.length === 0 && !isBinary) {
    throw new ServiceError('malformed_request', 'The message is empty.');
  }
  const { event, traceparent } = decodeCloudEvent(
    isBinary ? structuredOf(headers, payload) : payload,
  );
  return { events: [event], traceparent };
}

function hasAttributes(headers: StreamMessage['headers']): boolean {
  return Object.keys(headers).some((name) => name.startsWith(attributePrefix));
}

/** `Nats-Msg-Id` where the publisher gave one: a second message with the same id is the same event. */
function keyBaseOf({ headers, place }: StreamMessage): string {
  return headers['nats-msg-id'] || `at:${place}`;
}

/** With the key in the text that quarantine keeps, so that a replay has the same key. */
function withKey(event: IncomingEvent, key: string): IncomingEvent {
  if (event.idempotencyKey !== '') return event;
  const { original } = event;
  return { ...event, idempotencyKey: key, original: () => textWithKey(original(), key) };
}

function textWithKey(original: Uint8Array, key: string): Uint8Array {
  const text = Buffer.from(original).toString('utf8');
  try {
    const value = parseExactly(text) ?? parseJson(text);
    if (!isJsonObject(value) || (value['idempotency_key'] ?? '') !== '') return original;
    return Buffer.from(JSON.stringify({ ...value, idempotency_key: key }));
  } catch {
    // It cannot be read, and so not be replayed as it is.
    return original;
  }
}

/** The whole message as one event, with the reason why it cannot be read. */
function unread(message: StreamMessage, { code, message: text }: ServiceError): IncomingEvent {
  const shown = text.replace('The body', 'The message').replace('The batch', 'The message');
  const event = unreadableEvent(shown, () => keptOf(message));
  const key = idempotencyKeyOf('nats', keyBaseOf(message));
  return { ...event, idempotencyKey: key, fault: { code, message: shown, violations: [] } };
}

/** The attributes of a CloudEvent in binary mode are no part of its payload. */
function keptOf({ headers, payload }: StreamMessage): Uint8Array {
  if (!hasAttributes(headers)) return payload;
  const data = isUtf8(payload)
    ? { data: payload.toString('utf8') }
    : { data_base64: payload.toString('base64') };
  return Buffer.from(JSON.stringify({ ...attributesOf(headers), ...data }));
}
