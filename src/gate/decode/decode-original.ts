import { isUtf8 } from 'node:buffer';

import { ServiceError } from '../../errors.ts';
import type { IncomingEvent } from '../../event/incoming-event.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../event/json/json.ts';
import { decodeJsonEvent, unreadableEvent } from './decode-json-event.ts';
import { decodeTrackConnect } from './decode-json.ts';
import { decodeBatchProto, decodeTrackProto } from './decode-proto.ts';
import { fieldsByName } from './event-fields.ts';
import { parseExactly, parseShortest } from '../../event/exact-numbers.ts';
import { parseJson } from './parse-body.ts';

/** The bytes of one event as an endpoint kept them. */
export interface Original {
  /** `rest`, `connect`, `grpc`, `grpc_web`; events of all others were kept as `rest` has them. */
  readonly door: string;
  readonly contentType: string;
  readonly bytes: Uint8Array;
  /** Whether this is the event that was kept, by the name and key that were kept with it. */
  readonly isSame: (event: IncomingEvent) => boolean;
}

/**
 * Decodes a rejected event once more, with the decoders of the endpoint that took it. Never throws: an
 * error in it is a fault of the event, as it was when it came.
 *
 * For Track by Connect or gRPC the whole request was kept, for a batch the event alone, and nothing says
 * which: the form that decodes to the kept name and key is the right one.
 */
export function decodeOriginal(kept: Original): IncomingEvent {
  const body = Buffer.from(kept.bytes.buffer, kept.bytes.byteOffset, kept.bytes.byteLength);
  const original = (): Uint8Array => body;
  const readers = readersOf(kept, body, original);
  let first: IncomingEvent | undefined;
  let failure: ServiceError | undefined;
  for (const read of readers) {
    try {
      const event = read();
      if (kept.isSame(event)) return event;
      first ??= event;
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      failure ??= error;
    }
  }
  return first ?? unreadableEvent(failure!.message, original);
}

type Reader = () => IncomingEvent;

function readersOf(kept: Original, body: Buffer, original: () => Uint8Array): readonly Reader[] {
  if (isJson(kept)) {
    const style = isProtoJson(kept) ? 'connect' : 'rest';
    const one: Reader = () => {
      if (!isUtf8(body)) throw new ServiceError('malformed_request', 'The event is not UTF-8.');
      const text = textOf(body);
      return decodeJsonEvent(parseJson(text), parseShortest(text), style, original);
    };
    return style === 'rest' ? [one] : [() => whole(body), one];
  }
  return [
    () => decodeTrackProto(body),
    () => decodeBatchProto(Buffer.concat([eventTag, varint(body.length), body]), 1).events[0]!,
  ];
}

/** An element that has no `event` would pass for a request whose event is empty. */
function whole(body: Buffer): IncomingEvent {
  const value = parseJson(textOf(body));
  if (isJsonObject(value) && isJsonObject(value['event'] ?? null)) return decodeTrackConnect(body);
  throw new ServiceError('malformed_request', 'It is no request of Track.');
}

/** Protocol buffers too are kept as JSON where something personal was taken out of them. */
function isJson(kept: Original): boolean {
  const { door, contentType } = kept;
  return door === 'rest' || contentType === 'application/json' || isProtoJson(kept);
}

/** JSON with the names of ProtoJSON. */
function isProtoJson({ door, contentType }: Original): boolean {
  return (door === 'connect' && contentType === 'application/json') || grpcJson.has(contentType);
}

const grpcJson = new Set(['application/grpc+json', 'application/grpc-web+json']);

function textOf(body: Buffer): string {
  return body.toString('utf8').replace(/^\ufeff/, '');
}

/** Field 1 of BatchTrackRequest: bytes. */
const eventTag = Buffer.from([(1 << 3) | 2]);

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest >>>= 7) bytes.push((rest & 127) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** The event as POST /v1/track takes it; its own text where that cannot be read at all. */
export function eventText(kept: Original): string {
  if (!isJson(kept)) return textOfEvent(decodeOriginal(kept));
  const text = textOf(Buffer.from(kept.bytes));
  if (kept.door === 'rest') return text;
  try {
    const value = parseExactly(text) ?? parseJson(text);
    if (!isJsonObject(value)) return text;
    const event = value['event'];
    return JSON.stringify(restNamed(event !== undefined && isJsonObject(event) ? event : value));
  } catch {
    return text;
  }
}

/** ProtoJSON's names as the contract has them. Unknown ones stay, so that people see and fix them. */
function restNamed(event: JsonObject): JsonObject {
  const named: [string, JsonValue][] = Object.entries(event).map(([name, value]) => [
    fieldsByName.connect.get(name) ?? name,
    value,
  ]);
  return Object.fromEntries(named);
}

/** What was read of an event, as POST /v1/track takes it. A field that the contract has not is not among it. */
export function textOfEvent(event: IncomingEvent): string {
  const members: [string, string][] = [];
  const add = (name: string, value: string | number): void => {
    if (value !== '' && value !== 0) members.push([name, JSON.stringify(value)]);
  };
  add('event_name', event.eventName);
  add('user_id', event.userId);
  add('anonymous_id', event.anonymousId);
  add('idempotency_key', event.idempotencyKey);
  add('occurred_at', event.occurredAt);
  add('schema_version', event.schemaVersion);
  members.push(['properties', event.propertiesText ?? JSON.stringify(event.properties)]);
  if (event.context !== undefined) members.push(['context', JSON.stringify(event.context)]);
  return `{${members.map(([name, text]) => `"${name}":${text}`).join(',')}}`;
}
