import { ServiceError } from '../../errors.ts';
import { eventIdOf, idempotencyKeyOf, isUuid } from '../../event/event-id.ts';
import type { IncomingEvent } from '../../event/incoming-event.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../event/json/json.ts';
import type { EventError } from '../../event/verdict.ts';
import { textOf } from '../decode/decode-json.ts';
import { parseShortest } from '../../event/exact-numbers.ts';
import { parseJson } from '../decode/parse-body.ts';
import {
  decodeVendor,
  decodeVendorBatch,
  readVendorBatch,
  readVendorBody,
  type VendorBody,
  type VendorRules,
  type Translation,
} from '../decode/vendor/decode-vendor.ts';
import { contextWith, flatEvent, VendorMembers, idOf } from '../decode/vendor/vendor-members.ts';
import { nameOfType } from '../decode/vendor/vendor-names.ts';
import { traceparentPattern } from '../exchange.ts';

/*
 * CloudEvents 1.0, whatever carries them:
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
 */

export const structuredType = 'application/cloudevents+json';
export const batchedType = 'application/cloudevents-batch+json';
const json = 'application/json';

const required = ['specversion', 'id', 'source', 'type'] as const;

function translateEvent(sent: JsonObject): Translation {
  const members = new VendorMembers(sent);
  const id = sent['id'];
  if (typeof id === 'string' && isUuid(id)) members.take('id');
  const own = isFromHeadgate(sent);
  for (const name of ['specversion', 'datacontenttype']) members.take(name);
  const userId = idOf(members.take('userid'));
  const anonymousId = idOf(members.take('anonymousid'));
  const isNamed = userId !== undefined || anonymousId !== undefined;
  const subject = isNamed ? undefined : members.take('subject');
  const type = sent['type'];
  const name =
    members.take('eventname') ?? (typeof type === 'string' ? nameOfType(type) : undefined);
  if (name === type) members.take('type');
  const data = members.take('data');
  const fault = faultOf(sent, data);
  const event = flatEvent({
    event_name: name,
    user_id: userId ?? subject,
    anonymous_id: anonymousId,
    idempotency_key: own ? members.take('idempotencykey') : keyOf(id, sent['source']),
    occurred_at: members.take('time'),
    schema_version: members.take('schemaversion'),
    properties: isJsonObject(data) ? data : {},
    context: contextWith(own ? takeContext(members) : undefined, 'cloudevents', members.rest()),
  });
  return fault === undefined ? { event } : { event, fault };
}

/**
 * Written by a Headgate: its id follows from its source and its key. The key is taken over, so that
 * the event has the same id here if its source is the same.
 */
function isFromHeadgate({ id, source, idempotencykey: key }: JsonObject): boolean {
  return (
    typeof key === 'string' &&
    isUuid(key) &&
    typeof source === 'string' &&
    /^[\w.-]{1,64}$/.test(source) &&
    id === eventIdOf(source, key)
  );
}

/** An attribute is a text. If it has numbers that a double changes, it stays one, to keep their digits. */
function takeContext(members: VendorMembers): JsonValue | undefined {
  const text = members.take('context');
  try {
    if (typeof text === 'string' && parseShortest(text) === undefined) {
      const value = parseJson(text);
      if (isJsonObject(value)) return value;
    }
  } catch {
    // No JSON: it stays as it was sent.
  }
  if (text !== undefined) members.put('context', text);
  return undefined;
}

/** The id is required: without one an event is rejected. */
const rules: VendorRules = { translate: translateEvent };

/** `source` and `id` together tell an event apart, so both are in a key that is made of them. */
function keyOf(id: JsonValue | undefined, source: JsonValue | undefined): JsonValue | undefined {
  if (typeof id !== 'string' || id === '' || isUuid(id)) return id;
  return idempotencyKeyOf('cloudevents', JSON.stringify([source ?? '', id]));
}

function faultOf(sent: JsonObject, data: JsonValue | undefined): EventError | undefined {
  for (const name of required) {
    const value = sent[name];
    if (typeof value !== 'string' || value === '') {
      return fault(
        name,
        'required',
        `The attribute ${name} of the CloudEvent is missing, or no text.`,
      );
    }
  }
  if (sent['specversion'] !== '1.0') {
    return fault('specversion', 'const', 'The CloudEvent must be of specversion 1.0.');
  }
  const dataType = sent['datacontenttype'];
  if (typeof dataType === 'string' && !isJsonType(dataType)) {
    return fault('datacontenttype', 'media_type', 'The data of the CloudEvent must be JSON.');
  }
  if (Object.hasOwn(sent, 'data_base64')) {
    return fault(
      'data_base64',
      'type',
      'The data of the CloudEvent must be a JSON object, not bytes.',
    );
  }
  if (data !== undefined && !isJsonObject(data)) {
    return fault(
      'data',
      'type',
      'The data of the CloudEvent must be a JSON object: it becomes properties.',
    );
  }
  return undefined;
}

function fault(name: string, rule: string, message: string): EventError {
  return {
    code: 'invalid_field',
    message,
    violations: [{ path: `/${name}`, code: rule, message }],
  };
}

export function isJsonType(type: string): boolean {
  const plain = type.split(';', 1)[0]!.trim().toLowerCase();
  return plain === json || plain === 'text/json' || plain.endsWith('+json');
}

/** Of the headers of an event in binary mode. */
export const attributePrefix = 'ce-';

/**
 * Binary mode as the structured one: the body goes in as it is, so that its numbers stay whole.
 * `headers` are by lower-case name. Throws a ServiceError `malformed_request`.
 */
export function structuredOf(headers: Readonly<Record<string, unknown>>, body: Buffer): Buffer {
  const attributes = attributesOf(headers);
  const head = JSON.stringify(attributes);
  const data = textOf(body).trim();
  if (data === '') return Buffer.from(head);
  // Else what follows the data in the body could stand for an attribute.
  parseJson(data);
  const separator = head === '{}' ? '' : ',';
  return Buffer.from(`${head.slice(0, -1)}${separator}"data":${data}}`);
}

/** The attributes of an event in binary mode, from its headers by lower-case name. */
export function attributesOf(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  const attributes: [string, string][] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith(attributePrefix) || typeof value !== 'string') continue;
    const attribute = name.slice(attributePrefix.length);
    // `data` is the body, and nothing but the body.
    if (attribute !== 'data') attributes.push([attribute, percentDecoded(value)]);
  }
  return Object.fromEntries(attributes);
}

/** https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#3132-http-header-values */
function percentDecoded(value: string): string {
  const text =
    value.startsWith('"') && value.endsWith('"') && value.length > 1 ? value.slice(1, -1) : value;
  try {
    return decodeURIComponent(text);
  } catch {
    // A percent sign that was not meant so: the SDK for JavaScript encodes nothing.
    return text;
  }
}

/** One CloudEvent. Throws a ServiceError `malformed_request`. */
export function decodeCloudEvent(message: Buffer): {
  readonly event: IncomingEvent;
  /** The event's own trace, for a request that has none; empty if it has none either. */
  readonly traceparent: string;
} {
  const body = readVendorBody(message);
  if (!isJsonObject(body.value)) {
    throw new ServiceError('malformed_request', 'The body must be a JSON object: one CloudEvent.');
  }
  return { event: decodeVendor(body, rules), traceparent: traceOf(body) };
}

/** An array of them. Throws a ServiceError: `malformed_request`, `empty_batch`, `too_many_events`. */
export function decodeCloudEvents(message: Buffer, batchEventsMax: number): IncomingEvent[] {
  const body = readVendorBatch(message, undefined, batchEventsMax);
  return decodeVendorBatch(body, rules, batchEventsMax);
}

function traceOf({ value }: VendorBody): string {
  const trace = isJsonObject(value) ? value['traceparent'] : undefined;
  return typeof trace === 'string' && traceparentPattern.test(trace) ? trace : '';
}
