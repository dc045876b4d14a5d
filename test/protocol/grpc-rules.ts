import { gzipSync } from 'node:zlib';

import { expect } from 'vitest';

import { order } from '../endpoints/sample-events.ts';
import type { WireEndpoint } from '../endpoints/wire-endpoints.ts';
import { framesOf, grpcStatus, webTrailers, type Rule } from './rule.ts';

const spec = 'grpc/doc/PROTOCOL-HTTP2.md';
const requests = `${spec}, Requests`;
const responses = `${spec}, Responses`;
const errors = `${spec}, Errors`;
const compression = 'grpc/doc/compression.md';
const statusCodes = 'grpc/doc/statuscodes.md';
const web = 'grpc/doc/PROTOCOL-WEB.md';

const invalidArgument = 3;
const deadlineExceeded = 4;
const unimplemented = 12;
const internal = 13;

const message = (door: WireEndpoint): Buffer => door.encode([order()]);
const good = (door: WireEndpoint): Buffer => door.frame(message(door));
const late = { 'grpc-timeout': '0m' };

const taken: Rule['back'] = (answer, door) => {
  const read = door.read(answer);
  expect([read.http, read.grpc], read.raw).toEqual([200, 0]);
  expect(read.results.map(({ status }) => status)).toEqual(['accepted']);
};

const refused =
  (code: number): Rule['back'] =>
  (answer) => {
    expect(answer.status).toBe(200);
    expect(grpcStatus(answer)).toBe(code);
  };

const flagged = (door: WireEndpoint, flags: number): Buffer => {
  const frame = good(door);
  frame[0] = flags;
  return frame;
};

type Shared = Omit<Rule, 'family'>;

/** The rules that gRPC and gRPC-Web share: they differ only in where the trailers are. */
const shared: readonly Shared[] = [
  ...['', '+proto', '+json'].map((codec): Shared => ({
    source: requests,
    says: `the content type is the protocol's, "${codec}" behind it, and comes back; the HTTP status is 200`,
    doors: (door) => (door.codec === 'json') === (codec === '+json'),
    sent: (door) => ({ body: good(door), headers: { 'content-type': plainType(door) + codec } }),
    back: (answer, door) => {
      taken(answer, door);
      expect(answer.headers['content-type']).toBe(plainType(door) + codec);
    },
  })),
  ...['99999999H', '99999999M', '99999999S', '99999999m', '99999999u', '999999999n'.slice(1)].map(
    (value): Shared => ({
      source: requests,
      says: `grpc-timeout has up to eight digits and a unit: ${value}`,
      sent: (door) => ({ body: good(door), headers: { 'grpc-timeout': value } }),
      // Ninety-nine milliseconds may pass; then the deadline is reported.
      back: (answer, door) =>
        value.endsWith('n')
          ? expect([0, deadlineExceeded]).toContain(grpcStatus(answer))
          : taken(answer, door),
    }),
  ),
  ...['', '1', 'S', '-1S', '1.5S', '1s', '123456789S'].map((value): Shared => ({
    source: requests,
    says: `grpc-timeout is no "${value}"`,
    sent: (door) => ({ body: good(door), headers: { 'grpc-timeout': value } }),
    back: refused(invalidArgument),
  })),
  {
    source: requests,
    says: 'a deadline that has passed is DEADLINE_EXCEEDED',
    sent: (door) => ({ body: good(door), headers: late }),
    back: refused(deadlineExceeded),
  },
  {
    source: requests,
    says: 'user-agent, te and custom metadata, binary too, are no concern of the server’s',
    sent: (door) => ({
      body: good(door),
      headers: { 'user-agent': 'grpc-test/1', te: 'trailers', 'x-more': 'a', 'x-more-bin': 'AAEC' },
    }),
    back: taken,
  },
  {
    source: requests,
    says: 'the path is case-sensitive: another one is no method; HTTP 404, which clients read as UNIMPLEMENTED',
    sent: (door) => ({ path: door.path.toLowerCase(), body: good(door) }),
    back: (answer) => expect(answer.status).toBe(404),
  },
  {
    source: requests,
    says: 'a message may lie across frames of the transport as it likes',
    sent: (door) => ({ body: good(door), parts: 7 }),
    back: taken,
  },
  {
    source: requests,
    says: 'a message of no bytes is the empty message, and is validated as one',
    sent: (door) => ({ body: door.frame(Buffer.alloc(0)) }),
    back: (answer, door) => {
      refused(invalidArgument)(answer, door);
      expect(door.read(answer).message).not.toMatch(/protocol error|parse/);
    },
  },
  {
    source: requests,
    says: 'Compressed-Flag is 0 or 1: anything else is no message of this protocol',
    sent: (door) => ({ body: flagged(door, 2) }),
    back: refused(internal),
  },
  {
    source: compression,
    says: 'a message with the flag is compressed by grpc-encoding',
    sent: (door) => ({
      body: door.frame(gzipSync(message(door)), true),
      headers: { 'grpc-encoding': 'gzip' },
    }),
    back: taken,
  },
  {
    source: compression,
    says: 'one without the flag is not, whatever grpc-encoding says',
    sent: (door) => ({ body: good(door), headers: { 'grpc-encoding': 'gzip' } }),
    back: taken,
  },
  ...[undefined, 'identity'].map((encoding): Shared => ({
    source: compression,
    says: `the flag with grpc-encoding ${encoding ?? 'left out'} is INTERNAL`,
    sent: (door) => ({
      body: door.frame(gzipSync(message(door)), true),
      ...(encoding !== undefined && { headers: { 'grpc-encoding': encoding } }),
    }),
    back: refused(internal),
  })),
  {
    source: compression,
    says: 'an encoding that is not known is UNIMPLEMENTED, with grpc-accept-encoding',
    sent: (door) => ({
      body: door.frame(message(door), true),
      headers: { 'grpc-encoding': 'lzma' },
    }),
    back: (answer, door) => {
      refused(unimplemented)(answer, door);
      expect(answer.headers['grpc-accept-encoding']).toContain('gzip');
    },
  },
  {
    source: compression,
    says: 'an answer is compressed only as grpc-accept-encoding allows',
    sent: (door) => ({ body: good(door), headers: { 'grpc-accept-encoding': 'identity' } }),
    back: (answer, door) => {
      taken(answer, door);
      expect(answer.headers['grpc-encoding'] ?? 'identity').toBe('identity');
      expect(framesOf(answer.body)[0]!.flags).toBe(0);
    },
  },
  ...(
    [
      ['no', 0],
      ['two', 2],
    ] as const
  ).map(([word, count]): Shared => ({
    source: statusCodes,
    says: `${word} messages where one is due are UNIMPLEMENTED (a cardinality violation)`,
    sent: (door) => ({ body: Buffer.concat(Array.from({ length: count }, () => good(door))) }),
    back: refused(unimplemented),
  })),
  {
    source: responses,
    says: 'grpc-message is percent-encoded, grpc-status-details-bin is base64 without padding, and both say the same',
    sent: (door) => ({ body: good(door), headers: late }),
    back: (answer, door) => {
      const { headers, trailers } = answer;
      const all = { ...headers, ...trailers, ...webTrailers(answer) };
      expect(all['grpc-message']).toMatch(/^([ -$&-~]|%[0-9A-F]{2})+$/);
      expect(all['grpc-status-details-bin']).toMatch(/^[A-Za-z0-9+/]+$/);
      // Fails if status and message differ from the details.
      expect(door.read(answer).code).toBe('deadline_exceeded');
    },
  },
];

const plainType = (door: WireEndpoint): string =>
  door.family === 'grpc' ? 'application/grpc' : 'application/grpc-web';

export const grpcRules: readonly Rule[] = [
  ...shared.map((rule): Rule => ({ ...rule, family: 'grpc' })),
  {
    source: responses,
    says: 'an answer is headers, one length-prefixed message, and trailers with the status',
    family: 'grpc',
    sent: (door) => ({ body: good(door) }),
    back: (answer) => {
      expect(answer.headers['grpc-status']).toBeUndefined();
      expect(framesOf(answer.body).map(({ flags }) => flags)).toEqual([0]);
      expect(answer.trailers['grpc-status']).toBe('0');
    },
  },
  {
    source: `${responses}; gRFC A6, When Retries are Valid`,
    says: 'a refusal is Trailers-Only: headers with the status, and nothing behind them',
    family: 'grpc',
    sent: (door) => ({ body: good(door), headers: late }),
    back: (answer, door) => {
      expect(answer.headers['grpc-status']).toBe('4');
      expect(answer.headers['content-type']).toBe(door.contentType);
      expect([answer.body.length, Object.keys(answer.trailers)]).toEqual([0, []]);
    },
  },
  ...['text/plain', 'application/grpcx', 'application/grpc+thrift'].map((type): Rule => ({
    source: requests,
    says: `a content type that is not gRPC's, such as ${type}, is HTTP 415, so that nobody misreads the answer`,
    family: 'grpc',
    sent: (door) => ({ body: good(door), headers: { 'content-type': type } }),
    back: (answer) => expect(answer.status).toBe(415),
  })),
  {
    source: `${spec}, Request-Headers (Method)`,
    says: 'the method is POST',
    family: 'grpc',
    sent: (door) => ({ method: 'PUT', body: good(door) }),
    back: (answer) => expect(answer.status).toBe(405),
  },
  {
    source: `${spec}, HTTP2 Transport Mapping`,
    says: 'gRPC is HTTP/2: over HTTP/1.1 its trailers would be lost, so 415',
    family: 'grpc',
    sent: (door) => ({ body: good(door), version: '1.1' }),
    back: (answer) => expect(answer.status).toBe(415),
  },
  {
    source: errors,
    says: 'every way to be refused has a status; the HTTP status stays 200',
    family: 'grpc',
    sent: (door) => ({ body: good(door), headers: { authorization: 'Bearer hg_unknown' } }),
    back: refused(16),
  },
];

export const grpcWebRules: readonly Rule[] = [
  ...shared.map((rule): Rule => ({ ...rule, family: 'grpc-web' })),
  {
    source: `${web}, Protocol differences vs gRPC over HTTP2`,
    says: 'trailers are the last frame of the body, with the first bit of its flags, and lower-case names',
    family: 'grpc-web',
    sent: (door) => ({ body: good(door) }),
    back: (answer) => {
      const frames = framesOf(answer.body);
      expect(frames.map(({ flags }) => flags)).toEqual([0, 0x80]);
      expect(frames[1]!.data.toString('latin1')).toMatch(/^([a-z0-9-]+: [^\r\n]+\r\n)+$/);
      expect(webTrailers(answer)['grpc-status']).toBe('0');
      expect([answer.headers['grpc-status'], Object.keys(answer.trailers)]).toEqual([
        undefined,
        [],
      ]);
    },
  },
  {
    source: `${web}, Protocol differences vs gRPC over HTTP2`,
    says: 'a refusal has its trailers in the body too, and no message',
    family: 'grpc-web',
    sent: (door) => ({ body: good(door), headers: late }),
    back: (answer) => {
      expect(framesOf(answer.body).map(({ flags }) => flags)).toEqual([0x80]);
      expect(webTrailers(answer)['grpc-status']).toBe('4');
    },
  },
  {
    source: `${web}, Protocol differences vs gRPC over HTTP2 (User Agent)`,
    says: 'x-user-agent and x-grpc-web are no concern of the server’s',
    family: 'grpc-web',
    sent: (door) => ({
      body: good(door),
      headers: { 'x-user-agent': 'grpc-web-javascript/0.1', 'x-grpc-web': '1' },
    }),
    back: taken,
  },
  {
    source: `${web}, Protocol differences vs gRPC over HTTP2 (Content-Type)`,
    says: 'the text form is not served: 415',
    family: 'grpc-web',
    sent: (door) => ({
      body: good(door),
      headers: { 'content-type': 'application/grpc-web-text' },
    }),
    back: (answer) => expect(answer.status).toBe(415),
  },
];
