import { brotliCompressSync, gzipSync } from 'node:zlib';

import { fromJson, toBinary, type JsonObject } from '@bufbuild/protobuf';
import * as fc from 'fast-check';

import {
  BatchTrackRequestSchema,
  TrackRequestSchema,
} from '../../gen/headgate/v1/track_service_pb.ts';
import { limits, specialNames, writeKey } from './fake-context.ts';
import type { RawRequest } from './raw-call.ts';

export const protocols = ['grpc', 'grpc-web', 'connect-json', 'connect-proto'] as const;
export type Protocol = (typeof protocols)[number];

export interface GeneratedRequest {
  readonly rpc: 'Track' | 'BatchTrack';
  readonly protocol: Protocol;
  /** Its oddity: a key of `oddities`, or `nothing`. */
  readonly oddity: string;
  readonly raw: RawRequest;
}

const json = fc.jsonValue({ maxDepth: 3 });
const objects = fc.dictionary(fc.string({ maxLength: 8 }), json, {
  maxKeys: 4,
}) as fc.Arbitrary<JsonObject>;
const times = fc.constantFrom(
  '2026-03-01T12:00:00Z',
  '2026-03-01T12:00:00.123456Z',
  '1969-12-31T23:59:59.5Z',
);
const text = fc.string({ unit: 'grapheme', maxLength: 12 });

const events = fc.record(
  {
    eventName: fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom('order_completed', 'invoice_paid', '', 'Ünknown') },
      { weight: 1, arbitrary: fc.constantFrom(specialNames.overloaded, specialNames.fault) },
    ),
    userId: text,
    anonymousId: text,
    idempotencyKey: fc.uuid(),
    properties: objects,
    context: objects,
    occurredAt: times,
    schemaVersion: fc.nat(5),
  },
  { requiredKeys: ['eventName', 'idempotencyKey'] },
) as unknown as fc.Arbitrary<JsonObject>;

const batches = fc.record(
  {
    events: fc.array(events, { minLength: 0, maxLength: limits.batchEventsMax + 1 }),
    context: objects,
    sentAt: times,
    validateOnly: fc.boolean(),
  },
  { requiredKeys: ['events'] },
) as unknown as fc.Arbitrary<JsonObject>;

/** A request that follows its protocol, before an oddity is applied. */
interface Draft {
  rpc: 'Track' | 'BatchTrack';
  protocol: Protocol;
  value: JsonObject;
  version: 1 | 2;
  method: string;
  path: string;
  headers: Record<string, string>;
  message: Buffer;
  flags: number;
  body: Buffer | undefined;
  cutAfter: number | undefined;
}

function isFramed(draft: Draft): boolean {
  return draft.protocol === 'grpc' || draft.protocol === 'grpc-web';
}

function frame(flags: number, message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function bodyOf(draft: Draft): Buffer {
  return draft.body ?? (isFramed(draft) ? frame(draft.flags, draft.message) : draft.message);
}

function encodingHeader(draft: Draft): string {
  return isFramed(draft) ? 'grpc-encoding' : 'content-encoding';
}

function compress(draft: Draft, name: string, encode: (bytes: Buffer) => Buffer): void {
  draft.headers[encodingHeader(draft)] = name;
  draft.message = encode(draft.message);
  draft.flags = 1;
}

function timeout(draft: Draft, connect: string, grpc: string): void {
  if (isFramed(draft)) draft.headers['grpc-timeout'] = grpc;
  else draft.headers['connect-timeout-ms'] = connect;
}

const slow = { event: { eventName: specialNames.slow, idempotencyKey: 'k' } };
const slowBatch = { events: [slow.event] };

function makeSlow(draft: Draft): void {
  draft.message = encode(draft.rpc, draft.protocol, draft.rpc === 'Track' ? slow : slowBatch);
}

/** Only for JSON: no other codec can express it. */
function spoilEvent(draft: Draft, members: JsonObject): void {
  if (draft.protocol !== 'connect-json') return;
  const good = { eventName: 'order_completed', idempotencyKey: 'k' };
  const spoiled = { ...good, ...members };
  const value = draft.rpc === 'Track' ? { event: spoiled } : { events: [good, spoiled] };
  draft.message = Buffer.from(JSON.stringify(value));
}

const wrongTypes: Readonly<Record<Protocol, readonly string[]>> = {
  grpc: ['application/grpc+thrift', 'application/grpcx'],
  'grpc-web': ['application/grpc-web+thrift', 'application/grpc-web-text'],
  'connect-json': ['text/plain', 'application/connect+json', '', 'application/jsonp'],
  'connect-proto': [
    'application/x-protobuf',
    'application/connect+proto',
    'application/octet-stream',
  ],
};

/** Each applies one oddity to a request; `pick` is a number from the generator. */
export const oddities: Readonly<Record<string, (draft: Draft, pick: number) => void>> = {
  'no key': (draft) => delete draft.headers['authorization'],
  'wrong key': (draft) => (draft.headers['authorization'] = 'Bearer hg_wrong'),
  'basic key': (draft) => {
    draft.headers['authorization'] = `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`;
  },
  gzip: (draft) => compress(draft, 'gzip', (bytes) => gzipSync(bytes)),
  brotli: (draft) => compress(draft, 'br', (bytes) => brotliCompressSync(bytes)),
  identity: (draft) => (draft.headers[encodingHeader(draft)] = 'identity'),
  'compressed nothing': (draft) => compress(draft, 'gzip', () => Buffer.alloc(0)),
  'compressed garbage': (draft) => compress(draft, 'gzip', () => Buffer.from('not gzip at all')),
  'compression bomb': (draft) => compress(draft, 'gzip', () => gzipSync(Buffer.alloc(1_000_000))),
  'unknown encoding': (draft) => compress(draft, 'snappy', (bytes) => bytes),
  'encoding unknown and unused': (draft) =>
    (draft.headers['grpc-encoding'] = isFramed(draft) ? 'snappy' : 'gzip'),
  'compressed, not told how': (draft) => (draft.flags = 1),
  'unknown flags': (draft, pick) => (draft.flags = [2, 0x40][pick % 2]!),
  'accepts gzip': (draft) => {
    draft.headers[isFramed(draft) ? 'grpc-accept-encoding' : 'accept-encoding'] = 'br, gzip';
  },
  'ample timeout': (draft) => timeout(draft, '30000', '30S'),
  'longest timeout': (draft) => timeout(draft, '2000000000', '99999999m'),
  'timeout passed': (draft) => timeout(draft, '0', '0m'),
  'timeout missed': (draft) => {
    makeSlow(draft);
    timeout(draft, '60', '60000u');
  },
  'timeout met': (draft) => {
    makeSlow(draft);
    timeout(draft, '5000', '5S');
  },
  'malformed timeout': (draft, pick) => {
    const connect = ['', 'soon', '-1', '12345678901', '1.5', '10m'];
    const grpc = ['', 'soon', '-1m', '123456789m', '1.5S', '10'];
    timeout(draft, connect[pick % 6]!, grpc[pick % 6]!);
  },
  'protocol version': (draft) => (draft.headers['connect-protocol-version'] = '1'),
  'unknown protocol version': (draft) => (draft.headers['connect-protocol-version'] = '2'),
  'query string': (draft) => (draft.path += '?a=b&c'),
  'unknown rpc': (draft) => (draft.path += 'All'),
  'wrong method': (draft, pick) => {
    draft.method = ['GET', 'PUT', 'DELETE', 'OPTIONS'][pick % 4]!;
    if (draft.method !== 'PUT') draft.body = Buffer.alloc(0);
  },
  'content type in capitals': (draft) => {
    draft.headers['content-type'] = draft.headers['content-type']!.toUpperCase();
  },
  'content type with charset': (draft) => (draft.headers['content-type'] += '; charset=utf-8'),
  'content type without +proto': (draft) => {
    draft.headers['content-type'] = draft.headers['content-type']!.replace(
      /(grpc|web)\+proto/,
      '$1',
    );
  },
  'JSON in frames': (draft) => {
    if (!isFramed(draft)) return;
    draft.headers['content-type'] = draft.headers['content-type']!.replace('proto', 'json');
    draft.message = encode(draft.rpc, 'connect-json', draft.value);
  },
  'event with a surprise': (draft) => spoilEvent(draft, { surprise: 1 }),
  'event with a reserved field': (draft) =>
    spoilEvent(draft, { timestamp: '2026-03-01T12:00:00Z' }),
  'event of a wrong type': (draft) => spoilEvent(draft, { userId: 7 }),
  'other content type': (draft, pick) => {
    const types = wrongTypes[draft.protocol];
    draft.headers['content-type'] = types[pick % types.length]!;
  },
  'HTTP/1.1 for gRPC': (draft) => (draft.version = 1),
  'empty body': (draft) => (draft.body = Buffer.alloc(0)),
  'cut short': (draft, pick) => {
    const body = bodyOf(draft);
    draft.body = body.subarray(0, pick % Math.max(1, body.length));
  },
  'two messages': (draft) => (draft.body = Buffer.concat([bodyOf(draft), bodyOf(draft)])),
  'bytes behind': (draft) => (draft.body = Buffer.concat([bodyOf(draft), Buffer.from('xyz')])),
  garbage: (draft, pick) => (draft.message = Buffer.from([pick % 256, 255, 254, 0, 7, 129, 3])),
  'wrong UTF-8': (draft) => {
    const at = draft.message.indexOf('_');
    if (at !== -1) draft.message[at] = 0xff;
  },
  'byte order mark': (draft) => {
    if (draft.protocol === 'connect-json')
      draft.message = Buffer.concat([Buffer.from('\ufeff'), draft.message]);
  },
  'too large': (draft) => {
    draft.message = Buffer.concat([draft.message, Buffer.alloc(limits.requestBytesMax)]);
  },
  'unknown field': (draft) => {
    if (draft.protocol === 'connect-json') {
      draft.message = Buffer.from(
        draft.message.toString().replace('{', '{"surprise":1,').replace(',}', '}'),
      );
    } else draft.message = Buffer.concat([draft.message, Buffer.from([0xa2, 0x06, 1, 65])]);
  },
  'correlation id': (draft) => (draft.headers['x-correlation-id'] = 'corr-1'),
  'malformed correlation id': (draft) => (draft.headers['x-correlation-id'] = 'a b'),
  'caller goes away': (draft, pick) => {
    draft.cutAfter = pick % Math.max(1, bodyOf(draft).length);
  },
};

export const contentTypes: Readonly<Record<Protocol, string>> = {
  grpc: 'application/grpc+proto',
  'grpc-web': 'application/grpc-web+proto',
  'connect-json': 'application/json',
  'connect-proto': 'application/proto',
};

function encode(rpc: Draft['rpc'], protocol: Protocol, message: JsonObject): Buffer {
  if (protocol === 'connect-json') return Buffer.from(JSON.stringify(message));
  return Buffer.from(
    rpc === 'Track'
      ? toBinary(TrackRequestSchema, fromJson(TrackRequestSchema, message))
      : toBinary(BatchTrackRequestSchema, fromJson(BatchTrackRequestSchema, message)),
  );
}

const messages = fc.oneof(
  fc.tuple(
    fc.constant('Track' as const),
    events.map((event): JsonObject => ({ event })),
  ),
  fc.tuple(fc.constant('BatchTrack' as const), batches),
);

export const requests: fc.Arbitrary<GeneratedRequest> = fc
  .record({
    message: messages,
    protocol: fc.constantFrom(...protocols),
    version: fc.constantFrom(1 as const, 2 as const),
    oddity: fc.oneof(
      { weight: 1, arbitrary: fc.constant('nothing') },
      { weight: 4, arbitrary: fc.constantFrom(...Object.keys(oddities)) },
    ),
    pick: fc.nat(100_000),
  })
  .map(({ message: [rpc, value], protocol, version, oddity, pick }) => {
    const draft: Draft = {
      rpc,
      protocol,
      value,
      version: protocol === 'grpc' ? 2 : version,
      method: 'POST',
      path: `/headgate.v1.TrackService/${rpc}`,
      headers: { 'content-type': contentTypes[protocol], authorization: `Bearer ${writeKey}` },
      message: encode(rpc, protocol, value),
      flags: 0,
      body: undefined,
      cutAfter: undefined,
    };
    oddities[oddity]?.(draft, pick);
    const { cutAfter, method, path, headers } = draft;
    const raw = { version: draft.version, method, path, headers, body: bodyOf(draft) };
    return { rpc, protocol, oddity, raw: cutAfter === undefined ? raw : { ...raw, cutAfter } };
  });
