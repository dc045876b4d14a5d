import { create, fromJson, toBinary, type JsonValue } from '@bufbuild/protobuf';

import { EventSchema } from '../../gen/headgate/v1/event_pb.ts';
import {
  BatchTrackRequestSchema,
  TrackRequestSchema,
} from '../../gen/headgate/v1/track_service_pb.ts';
import { reservedFields } from '../../src/gate/decode/event-fields.ts';
import {
  readConnect,
  readGrpc,
  readGrpcWeb,
  readRest,
  type Answer,
  type Codec,
  type Rpc,
} from './answer.ts';
import type { Sample } from './sample-events.ts';
import { send, type WireAnswer } from './wire.ts';

export type Family = 'grpc' | 'grpc-web' | 'connect' | 'rest';

/** Fields beside the events of a batch, as REST names them. */
export type BatchFields = Record<string, unknown>;

/** One way into the gate: what to write, and how to read the answer. */
export interface WireEndpoint {
  readonly name: string;
  readonly family: Family;
  readonly codec: Codec;
  readonly rpc: Rpc;
  readonly version: '1.1' | '2';
  readonly path: string;
  readonly contentType: string;
  /** The header that names the compression of the body. */
  readonly encodingHeader: string;
  /** The body without a frame around it. */
  encode(events: readonly Sample[], fields?: BatchFields): Buffer;
  frame(message: Uint8Array, compressed?: boolean): Buffer;
  read(answer: WireAnswer): Answer;
}

/** Field numbers that event.proto does not have, and one that it reserves. */
const unknownNumber = 99;
const reservedNumber = 10;

/** Protocol buffers have no unknown names: such a field uses an undefined number. */
export function eventBytes(sample: Sample): Buffer {
  const known: Sample = {};
  const strays: Buffer[] = [];
  for (const [name, value] of Object.entries(sample)) {
    if (EventSchema.fields.some((field) => field.name === name)) known[name] = value;
    else {
      const number = Object.hasOwn(reservedFields, name) ? reservedNumber : unknownNumber;
      strays.push(delimited(number, Buffer.from(String(value))));
    }
  }
  return Buffer.concat([
    toBinary(EventSchema, fromJson(EventSchema, known as JsonValue)),
    ...strays,
  ]);
}

export function delimited(fieldNumber: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([varint((fieldNumber << 3) | 2), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest >>>= 7) bytes.push((rest & 127) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

function protoBody(rpc: Rpc, events: readonly Sample[], fields: BatchFields): Buffer {
  const parts = events.map((event) => delimited(1, eventBytes(event)));
  const schema = rpc === 'Track' ? TrackRequestSchema : BatchTrackRequestSchema;
  const others =
    Object.keys(fields).length === 0 ? create(schema) : fromJson(schema, fields as JsonValue);
  return Buffer.concat([...parts, toBinary(schema, others)]);
}

/** Connect names fields in camelCase; half of the events are sent so, and half in snake_case. */
function connectJsonBody(rpc: Rpc, events: readonly Sample[], fields: BatchFields): Buffer {
  const written = events.map((event, index) =>
    index % 2 === 1
      ? event
      : Object.fromEntries(
          Object.entries(event).map(([name, value]) => [
            name.replaceAll(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase()),
            value,
          ]),
        ),
  );
  const body = rpc === 'Track' ? { event: written[0] } : { events: written, ...fields };
  return Buffer.from(JSON.stringify(body));
}

function restBody(rpc: Rpc, events: readonly Sample[], fields: BatchFields): Buffer {
  return Buffer.from(JSON.stringify(rpc === 'Track' ? events[0] : { events, ...fields }));
}

const unframed = (message: Uint8Array): Buffer => Buffer.from(message);

function framed(message: Uint8Array, compressed = false): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = compressed ? 1 : 0;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function rpcEndpoints(rpc: Rpc): WireEndpoint[] {
  const path = `/headgate.v1.TrackService/${rpc}`;
  const encoder =
    (codec: Codec): WireEndpoint['encode'] =>
    (events, fields = {}) =>
      codec === 'json' ? connectJsonBody(rpc, events, fields) : protoBody(rpc, events, fields);
  const codecs = ['proto', 'json'] as const;
  const suffix = { proto: '', json: '+json' } as const;
  const title = { proto: '', json: ' json' } as const;
  const grpc = codecs.map((codec): WireEndpoint => ({
    name: `gRPC${title[codec]} ${rpc}`,
    family: 'grpc',
    codec,
    rpc,
    version: '2',
    path,
    contentType: `application/grpc${suffix[codec]}`,
    encodingHeader: 'grpc-encoding',
    encode: encoder(codec),
    frame: framed,
    read: (answer) => readGrpc(answer, rpc, codec),
  }));
  const both = (['1.1', '2'] as const).flatMap((version) => [
    ...codecs.map((codec): WireEndpoint => ({
      name: `gRPC-Web${title[codec]} ${rpc} HTTP/${version}`,
      family: 'grpc-web',
      codec,
      rpc,
      version,
      path,
      contentType: `application/grpc-web+${codec}`,
      encodingHeader: 'grpc-encoding',
      encode: encoder(codec),
      frame: framed,
      read: (answer) => readGrpcWeb(answer, rpc, codec),
    })),
    ...codecs.map((codec): WireEndpoint => ({
      name: `Connect ${codec} ${rpc} HTTP/${version}`,
      family: 'connect',
      codec,
      rpc,
      version,
      path,
      contentType: `application/${codec}`,
      encodingHeader: 'content-encoding',
      encode: encoder(codec),
      frame: unframed,
      read: (answer) => readConnect(answer, rpc, codec),
    })),
  ]);
  return [...grpc, ...both];
}

function restEndpoints(version: '1.1' | '2'): WireEndpoint[] {
  const rest = {
    family: 'rest' as const,
    codec: 'json' as const,
    version,
    encodingHeader: 'content-encoding',
    frame: unframed,
    read: readRest,
  };
  return [
    {
      ...rest,
      name: `REST track HTTP/${version}`,
      rpc: 'Track',
      path: '/v1/track',
      contentType: 'application/json',
      encode: (events) => restBody('Track', events, {}),
    },
    {
      ...rest,
      name: `REST batch HTTP/${version}`,
      rpc: 'BatchTrack',
      path: '/v1/batch',
      contentType: 'application/json; charset=utf-8',
      encode: (events, fields = {}) => restBody('BatchTrack', events, fields),
    },
    {
      ...rest,
      name: `NDJSON HTTP/${version}`,
      rpc: 'BatchTrack',
      path: '/v1/batch',
      contentType: 'application/x-ndjson',
      encode: (events) => Buffer.from(events.map((event) => `${JSON.stringify(event)}\n`).join('')),
    },
  ];
}

export const wireEndpoints: readonly WireEndpoint[] = [
  ...rpcEndpoints('Track'),
  ...rpcEndpoints('BatchTrack'),
  ...restEndpoints('1.1'),
  ...restEndpoints('2'),
];

export const isNdjson = (door: WireEndpoint): boolean =>
  door.contentType === 'application/x-ndjson';

export interface Knock {
  readonly events?: readonly Sample[];
  readonly fields?: BatchFields;
  readonly headers?: Readonly<Record<string, string>>;
  /** Replaces the body that `events` would give. */
  readonly body?: Uint8Array;
  readonly method?: string;
  readonly path?: string;
  /** Sends the body without its end, and waits. */
  readonly stall?: boolean;
}

/** Sends to an endpoint and reads its answer. */
export async function knock(port: number, door: WireEndpoint, knocked: Knock): Promise<Answer> {
  const { events = [], fields, headers, body, method, path = door.path, stall = false } = knocked;
  const answer = await send({
    port,
    version: door.version,
    ...(method !== undefined && { method }),
    path,
    headers: { 'content-type': door.contentType, ...headers },
    body: body ?? door.frame(door.encode(events, fields)),
    stall,
  });
  // A refusal before the protocol is known has a format that any caller can read.
  const isProblem = answer.headers['content-type'] === 'application/problem+json';
  return isProblem ? readRest(answer) : door.read(answer);
}
