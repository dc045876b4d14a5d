import { numberText, parseWithNumberTexts } from '../../event/changed-properties.ts';
import type { JsonObject, JsonValue } from '../../event/json/json.ts';
import { readEventTime } from '../../event/stored-event.ts';
import type { Delivery } from '../destination.ts';
import { readEvent } from '../readable-event.ts';

/*
 * Stored events as CloudEvents 1.0: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
 * Our own endpoint reads them as the same event: docs/destinations/cloudevents.md.
 */

export const structuredType = 'application/cloudevents+json';
export const batchedType = 'application/cloudevents-batch+json';
const dataType = 'application/json';

/** Fields that have an attribute of CloudEvents, or are its data. */
const mapped: ReadonlySet<string> = new Set([
  'eventId',
  'source',
  'eventName',
  'eventTime',
  'properties',
]);

/** A CloudEvent: `attributes` of text, numbers and booleans, and its data. */
export interface CloudEventParts {
  readonly attributes: Readonly<Record<string, JsonValue>>;
  /** Only for `JSON.stringify`, which writes its numbers as they were. */
  readonly data: JsonObject;
}

const decoder = new TextDecoder();

/** The CloudEvent of a delivery, or the reason why the event cannot be one. */
export function readCloudEvent(delivery: Delivery): CloudEventParts | string {
  const event = readEvent(delivery);
  if (typeof event === 'string') return event;
  if (typeof event.source !== 'string' || event.source === '' || event.eventName === '') {
    return 'a CloudEvent needs a source and a type, and the event has no source or no name';
  }
  const stored = parseWithNumberTexts(decoder.decode(delivery.payload)) as JsonObject;
  const attributes: Record<string, JsonValue> = {
    specversion: '1.0',
    id: event.eventId,
    source: event.source,
    type: event.eventName,
    time: readEventTime(event),
    datacontenttype: dataType,
  };
  for (const [name, value] of Object.entries(stored)) {
    if (mapped.has(name) || value === null || value === '') continue;
    attributes[name.toLowerCase()] = attributeOf(value);
  }
  return { attributes, data: (stored['properties'] ?? {}) as JsonObject };
}

/** Attributes are text, whole numbers or booleans; everything else is the text of its JSON. */
function attributeOf(value: JsonValue): JsonValue {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  const number = numberText(value);
  if (number !== undefined && isInt32(Number(number))) return Number(number);
  return JSON.stringify(value);
}

function isInt32(number: number): boolean {
  return Number.isInteger(number) && Math.abs(number) < 2 ** 31;
}

/** In structured mode: one JSON object. */
export function structuredCloudEvent({ attributes, data }: CloudEventParts): Buffer {
  return Buffer.from(JSON.stringify({ ...attributes, data }));
}

/**
 * In binary mode, by the protocol's way to name headers: `ce-id`. Values are percent-encoded where
 * they are not printable ASCII, as the bindings want it.
 */
export function binaryCloudEvent(
  { attributes, data }: CloudEventParts,
  prefix: string,
): { readonly headers: Readonly<Record<string, string>>; readonly body: Buffer } {
  const { datacontenttype, ...others } = attributes;
  const headers: Record<string, string> = { 'content-type': String(datacontenttype) };
  for (const [name, value] of Object.entries(others)) {
    headers[`${prefix}${name}`] = headerText(String(value));
  }
  return { headers, body: Buffer.from(JSON.stringify(data)) };
}

function headerText(text: string): string {
  return text.replaceAll(/[^\x21\x23\x24\x26-\x7e]+/g, (part) =>
    [...Buffer.from(part)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );
}
