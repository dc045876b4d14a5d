import { gzipSync } from 'node:zlib';

import { expect } from 'vitest';

import { order } from '../endpoints/sample-events.ts';
import type { WireEndpoint } from '../endpoints/wire-endpoints.ts';
import { connectError, type Rule } from './rule.ts';

const spec = 'https://connectrpc.com/docs/protocol';
const unaryRequest = `${spec}#unary-request`;
const unaryResponse = `${spec}#unary-response`;
const errorEndStream = `${spec}#error-codes`;

const good = (door: WireEndpoint): Buffer => door.encode([order()]);
/** The error concerns the whole request, so Track and BatchTrack refuse it alike. */
const refusedHeaders = { 'connect-timeout-ms': 'soon' };
const isJson = (door: WireEndpoint): boolean => door.contentType === 'application/json';
const isProto = (door: WireEndpoint): boolean => !isJson(door);
const family = 'connect' as const;

const taken: Rule['back'] = (answer, door) => {
  const read = door.read(answer);
  expect(read.http, read.raw).toBe(200);
  expect(read.results.map(({ status }) => status)).toEqual(['accepted']);
};

export const connectRules: readonly Rule[] = [
  {
    source: unaryRequest,
    says: 'a request needs nothing but POST, its path and its content type; the body is the bare message',
    family,
    sent: (door) => ({ body: good(door) }),
    back: taken,
  },
  {
    source: unaryResponse,
    says: 'an answer has the codec of its request, its message bare, and no trailers',
    family,
    sent: (door) => ({ body: good(door) }),
    back: (answer, door) => {
      taken(answer, door);
      expect(answer.headers['content-type']).toBe(door.contentType);
      expect(answer.trailers).toEqual({});
      expect(answer.headers['grpc-status']).toBeUndefined();
    },
  },
  {
    source: unaryRequest,
    says: 'Connect-Protocol-Version is 1',
    family,
    sent: (door) => ({ body: good(door), headers: { 'connect-protocol-version': '1' } }),
    back: taken,
  },
  {
    source: unaryRequest,
    says: 'another Connect-Protocol-Version is refused with 400',
    family,
    sent: (door) => ({ body: good(door), headers: { 'connect-protocol-version': '2' } }),
    back: (answer) => expect(connectError(answer, 400).code).toBe('invalid_argument'),
  },
  {
    source: unaryRequest,
    says: 'Connect-Timeout-Ms is a positive integer of at most ten digits',
    family,
    sent: (door) => ({ body: good(door), headers: { 'connect-timeout-ms': '9999999999' } }),
    back: taken,
  },
  ...['', '-1', '1.5', '10s', '12345678901'].map((value): Rule => ({
    source: unaryRequest,
    says: `Connect-Timeout-Ms is no "${value}"`,
    family,
    sent: (door) => ({ body: good(door), headers: { 'connect-timeout-ms': value } }),
    back: (answer) => expect(connectError(answer, 400).code).toBe('invalid_argument'),
  })),
  {
    source: unaryRequest,
    says: 'a deadline that has passed is deadline_exceeded, 504',
    family,
    sent: (door) => ({ body: good(door), headers: { 'connect-timeout-ms': '0' } }),
    back: (answer) => expect(connectError(answer, 504).code).toBe('deadline_exceeded'),
  },
  {
    source: unaryRequest,
    says: 'Content-Encoding names the compression of the whole body',
    family,
    sent: (door) => ({ body: gzipSync(good(door)), headers: { 'content-encoding': 'gzip' } }),
    back: taken,
  },
  {
    source: unaryRequest,
    says: 'Content-Encoding identity is none',
    family,
    sent: (door) => ({ body: good(door), headers: { 'content-encoding': 'identity' } }),
    back: taken,
  },
  {
    source: unaryRequest,
    says: 'a compression that is not known is unimplemented, with those that are',
    family,
    sent: (door) => ({ body: good(door), headers: { 'content-encoding': 'lzma' } }),
    back: (answer) => {
      const { code, message } = connectError(answer, 501);
      expect(code).toBe('unimplemented');
      expect(message).toContain('gzip');
      expect(answer.headers['accept-encoding']).toContain('gzip');
    },
  },
  {
    source: unaryRequest,
    says: 'an answer is compressed only as Accept-Encoding allows',
    family,
    sent: (door) => ({ body: good(door), headers: { 'accept-encoding': 'lzma' } }),
    back: (answer, door) => {
      taken(answer, door);
      expect(answer.headers['content-encoding'] ?? 'identity').toBe('identity');
    },
  },
  ...['application/connect+proto', 'application/connect+json', 'application/xml'].map(
    (type): Rule => ({
      source: unaryRequest,
      says: `an unsupported content type, such as ${type} for a unary call, is 415`,
      family,
      sent: (door) => ({ body: good(door), headers: { 'content-type': type } }),
      back: (answer) => expect(answer.status).toBe(415),
    }),
  ),
  {
    source: unaryRequest,
    says: 'a method that is not idempotent takes no GET: 405, with Allow',
    family,
    sent: (door) => ({
      method: 'GET',
      path: `${door.path}?connect=v1&encoding=json&message=%7B%7D`,
      body: Buffer.alloc(0),
    }),
    back: (answer) => {
      expect(answer.status).toBe(405);
      expect(answer.headers['allow']).toBe('POST');
    },
  },
  {
    source: `${spec}#unary-request (Path)`,
    says: 'the path is case-sensitive',
    family,
    sent: (door) => ({ path: door.path.toLowerCase(), body: good(door) }),
    back: (answer) => expect(answer.status).toBe(404),
  },
  {
    source: unaryRequest,
    says: 'an empty body of proto is the empty message, and is validated as one',
    family,
    doors: isProto,
    sent: () => ({ body: Buffer.alloc(0) }),
    back: (answer) => {
      const { code, message } = connectError(answer, 400);
      expect(code).toBe('invalid_argument');
      expect(message).not.toMatch(/protocol error|parse/);
    },
  },
  {
    source: unaryRequest,
    says: 'an empty body of JSON is none',
    family,
    doors: isJson,
    sent: () => ({ body: Buffer.alloc(0) }),
    back: (answer) => expect(connectError(answer, 400).code).toBe('invalid_argument'),
  },
  {
    source: unaryResponse,
    says: 'an error is JSON whatever the codec: code, message, details of type and unpadded base64',
    family,
    sent: (door) => ({ body: good(door), headers: refusedHeaders }),
    back: (answer) => {
      const { message, details } = connectError(answer, 400);
      expect(message).not.toBe('');
      expect(details!.length).toBeGreaterThan(0);
      for (const { type, value } of details!) {
        expect(type).toMatch(/^google\.rpc\.[A-Za-z]+$/);
        expect(value).toMatch(/^[A-Za-z0-9+/]*$/);
      }
    },
  },
  ...(
    [
      ['invalid_argument', 400, refusedHeaders],
      ['deadline_exceeded', 504, { 'connect-timeout-ms': '0' }],
      ['unimplemented', 501, { 'content-encoding': 'lzma' }],
      ['unauthenticated', 401, { authorization: 'Bearer hg_unknown' }],
    ] as const
  ).map(([code, http, headers]): Rule => ({
    source: errorEndStream,
    says: `${code} is HTTP ${http}`,
    family,
    sent: (door) => ({ body: good(door), headers }),
    back: (answer) => expect(connectError(answer, http).code).toBe(code),
  })),
  {
    source: unaryRequest,
    says: 'header names and media types are case-insensitive, and other metadata is the application’s',
    family,
    sent: (door) => ({
      body: good(door),
      headers: {
        'content-type': door.contentType.toUpperCase(),
        'x-more': 'a',
        'x-more-bin': 'AAEC',
      },
    }),
    back: taken,
  },
  {
    source: unaryRequest,
    says: 'a body may come in any number of pieces',
    family,
    sent: (door) => ({ body: good(door), parts: 7 }),
    back: taken,
  },
];
