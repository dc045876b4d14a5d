import { ServiceError } from '../../errors.ts';
import { eventIdOf, idempotencyKeyOf, isUuid } from '../../event/event-id.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../event/json/json.ts';
import type { EventError } from '../../event/verdict.ts';
import { headerOf, mediaTypeOf, reply, traceparentPattern, type Exchange } from '../exchange.ts';
import { vendorOutcome } from '../answer/vendor-answer.ts';
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
import type { IncomingBatch } from '../decode/incoming-batch.ts';
import { textOf } from '../decode/decode-json.ts';
import { parseExactly, parseJson } from '../decode/exact-json.ts';
import { unpackBody } from '../intake/unpack-body.ts';
import { answerEvent } from '../answer/event-answer.ts';
import { refuseWithProblem } from '../answer/problem.ts';
import type { Endpoint, EndpointCall, SelectedEndpoint } from '../serve-request.ts';
import { restBatch } from '../answer/verdict-json.ts';

/*
 * CloudEvents 1.0 over HTTP: binary (attributes in `ce-` headers), structured and batched.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
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
    if (typeof text === 'string' && parseExactly(text) === undefined) {
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

function isJsonType(type: string): boolean {
  const plain = type.split(';', 1)[0]!.trim().toLowerCase();
  return plain === json || plain === 'text/json' || plain.endsWith('+json');
}

function isBinary(exchange: Exchange): boolean {
  return headerOf(exchange, 'ce-specversion') !== '' || headerOf(exchange, 'ce-id') !== '';
}

function checkMode(exchange: Exchange): undefined {
  const type = mediaTypeOf(exchange);
  if (type === structuredType || type === batchedType) return undefined;
  if (isBinary(exchange) && (type === '' || isJsonType(type))) return undefined;
  throw new ServiceError(
    'unsupported_media_type',
    `The content type "${type.slice(0, 60)}" is not taken here. Use ${structuredType}, ${batchedType}, ` +
      `or ce- headers with ${json}.`,
  );
}

/** Binary mode as the structured one: the body goes in as it is, so that its numbers stay whole. */
function unpackEvent(exchange: Exchange, body: Buffer, bytesMax: number): Buffer | Promise<Buffer> {
  const message = unpackBody(exchange, body, bytesMax);
  if (mediaTypeOf(exchange) === structuredType) return message;
  const structured = (data: Buffer): Buffer => structuredOf(exchange, data);
  return message instanceof Promise ? message.then(structured) : structured(message);
}

const attributePrefix = 'ce-';

function structuredOf(exchange: Exchange, body: Buffer): Buffer {
  const attributes: [string, string][] = [];
  for (const [name, value] of Object.entries(exchange.call.headers)) {
    if (!name.startsWith(attributePrefix) || typeof value !== 'string') continue;
    const attribute = name.slice(attributePrefix.length);
    // `data` is the body, and nothing but the body.
    if (attribute !== 'data') attributes.push([attribute, percentDecoded(value)]);
  }
  const head = JSON.stringify(Object.fromEntries(attributes));
  const data = textOf(body).trim();
  if (data === '') return Buffer.from(head);
  // Else what follows the data in the body could stand for an attribute.
  parseJson(data);
  const separator = attributes.length === 0 ? '' : ',';
  return Buffer.from(`${head.slice(0, -1)}${separator}"data":${data}}`);
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

/** The event's own trace, where the request has none. */
function traceOf({ value }: VendorBody): string {
  const trace = isJsonObject(value) ? value['traceparent'] : undefined;
  return typeof trace === 'string' && traceparentPattern.test(trace) ? trace : '';
}

const singleEndpoint: Endpoint = {
  begin: checkMode,
  unpack: unpackEvent,
  decode: (_call, message) => {
    const body = readVendorBody(message);
    if (!isJsonObject(body.value)) {
      throw new ServiceError(
        'malformed_request',
        'The body must be a JSON object: one CloudEvent.',
      );
    }
    return {
      events: [decodeVendor(body, rules)],
      ...nothingBesides,
      inBody: { writeKey: '', traceparent: traceOf(body) },
    };
  },
  answer: answerEvent,
  refuse: refuseWithProblem,
};

const nothingBesides = { context: undefined, sentAt: '', validateOnly: false } as const;

const batchEndpoint: Endpoint = {
  begin: checkMode,
  unpack: unpackBody,
  decode: (_call, message, batchEventsMax): IncomingBatch => ({
    events: decodeVendorBatch(
      readVendorBatch(message, undefined, batchEventsMax),
      rules,
      batchEventsMax,
    ),
    ...nothingBesides,
  }),
  answer: (exchange, _call, verdicts) => {
    const { status, counts } = vendorOutcome(verdicts);
    const stored = counts.accepted + counts.duplicates;
    const validated = counts.rejected === 0 ? 202 : stored > 0 ? 207 : 422;
    const headers: Record<string, string> = { 'content-type': json };
    if (status === 503) headers['retry-after'] = '1';
    reply(exchange, status === 503 ? 503 : validated, headers, restBatch(verdicts, counts));
    return 0;
  },
  refuse: refuseWithProblem,
};

const single: EndpointCall = {
  rpc: 'Track',
  door: 'cloudevents',
  codec: 'json',
  contentType: json,
};
const batch: EndpointCall = { ...single, rpc: 'BatchTrack', sendsAll: true };

export const cloudEventsPath = '/v1/cloudevents';

/** By the content type: one event, or several. */
export function selectCloudEvents(exchange: Exchange): SelectedEndpoint {
  return mediaTypeOf(exchange) === batchedType
    ? { endpoint: batchEndpoint, call: batch }
    : { endpoint: singleEndpoint, call: single };
}
