import * as fc from 'fast-check';

import { specialNames, writeKey } from './fake-context.ts';

/** The parts that a caller writes to a connection. Each part arrives separately. */
export interface Http1Writing {
  /** The oddity of each request; `nothing` for a plain one. */
  readonly oddities: readonly string[];
  readonly split: string;
  readonly parts: readonly Buffer[];
  /** The number of answers that a caller would wait for. */
  readonly requests: number;
}

/** A request before an oddity is applied. */
interface Draft {
  method: string;
  target: string;
  version: string;
  lines: string[];
  lineEnd: string;
  body: Buffer;
}

const track = {
  event_name: 'order_completed',
  user_id: 'u-1',
  properties: { total: 12.5, currency: 'EUR' },
};
const connectTrack = {
  event: { eventName: 'order_completed', userId: 'u-1', propertiesJson: '{"total":12.5}' },
};

type Kind = readonly [target: string, type: string, body: (key: string, name: string) => unknown];

/** The hot endpoints, and some that our reader never serves. */
const kinds: readonly Kind[] = [
  [
    '/v1/track',
    'application/json',
    (key, name) => ({ ...track, event_name: name, idempotency_key: key }),
  ],
  [
    '/v1/batch',
    'application/json',
    (key) => ({ events: [{ ...track, idempotency_key: key }, track] }),
  ],
  ['/v1/batch', 'application/x-ndjson', (key) => ({ ...track, idempotency_key: key })],
  [
    '/headgate.v1.TrackService/Track',
    'application/json',
    (key, name) => ({
      event: { ...connectTrack.event, eventName: name, idempotencyKey: key },
    }),
  ],
  [
    '/headgate.v1.TrackService/BatchTrack',
    'application/json',
    (key) => ({
      events: [{ ...connectTrack.event, idempotencyKey: key }],
    }),
  ],
  // An invalid message. The answer is JSON.
  ['/headgate.v1.TrackService/Track', 'application/proto', (key) => key],
  // An empty message. The answer is empty, too.
  ['/headgate.v1.TrackService/BatchTrack', 'application/proto', () => undefined],
  ['/headgate.v1.TrackService/Track', 'application/grpc-web', (key) => key],
  ['/v1/validate', 'application/json', (key) => ({ ...track, idempotency_key: key })],
  ['/v1/nothing', 'application/json', (key) => ({ ...track, idempotency_key: key })],
];

const names = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.constantFrom('order_completed', 'invoice_paid', 'größe_geändert', ''),
  },
  { weight: 1, arbitrary: fc.constantFrom(...Object.values(specialNames)) },
);

const drafts: fc.Arbitrary<Draft> = fc
  .tuple(fc.constantFrom(...kinds, kinds[0]!, kinds[0]!, kinds[3]!), fc.uuid(), names, fc.nat(3))
  .map(([[target, type, bodyOf], key, name, shape]) => {
    const value = bodyOf(key, name);
    const text =
      typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);
    const body = Buffer.from(text);
    const lines = ['Host: gate.example', `Content-Type: ${type}`, `Content-Length: ${body.length}`];
    lines.push(shape === 1 ? `authorization: Bearer ${writeKey}` : `x-write-key: ${writeKey}`);
    if (shape === 2)
      lines.unshift('connection: keep-alive', 'accept: */*', 'USER-AGENT: a b/1 (c)');
    if (shape === 3) lines.push(`x-correlation-id: ${key}`, 'x-empty:', 'X-Spaces:   a  b   ');
    return { method: 'POST', target, version: 'HTTP/1.1', lines, lineEnd: '\r\n', body };
  });

type Oddity = (draft: Draft) => void;

function withLine(...lines: string[]): Oddity {
  return (draft) => void draft.lines.push(...lines);
}

function withLength(spell: (length: number) => string): Oddity {
  return (draft) => {
    const at = draft.lines.findIndex((line) => /^content-length:/i.test(line));
    draft.lines[at] = spell(draft.body.length);
  };
}

function withTarget(change: (target: string) => string): Oddity {
  return (draft) => void (draft.target = change(draft.target));
}

function chunked(draft: Draft): void {
  withLength(() => 'transfer-encoding: chunked')(draft);
  const { body } = draft;
  const last = '0\r\n\r\n';
  draft.body =
    body.length === 0
      ? Buffer.from(last)
      : Buffer.concat([
          Buffer.from(`${body.length.toString(16)}\r\n`),
          body,
          Buffer.from(`\r\n${last}`),
        ]);
}

/**
 * RFC 9112: malformed and rare requests, and requests that parsers are known to read differently.
 */
export const http1Oddities: Readonly<Record<string, Oddity>> = {
  nothing: () => {},
  'another method': (draft) => void (draft.method = 'PUT'),
  'GET with a body': (draft) => void (draft.method = 'GET'),
  'a method in lower case': (draft) => void (draft.method = 'post'),
  'an unknown method': (draft) => void (draft.method = 'POSTS'),
  'HTTP/1.0': (draft) => void (draft.version = 'HTTP/1.0'),
  'HTTP/1.0, kept alive': (draft) => {
    draft.version = 'HTTP/1.0';
    draft.lines.push('connection: keep-alive');
  },
  'HTTP/1.2': (draft) => void (draft.version = 'HTTP/1.2'),
  'HTTP/2.0': (draft) => void (draft.version = 'HTTP/2.0'),
  'a version in lower case': (draft) => void (draft.version = 'http/1.1'),
  'no version': (draft) => void (draft.version = ''),
  'a space behind the version': (draft) => void (draft.version = 'HTTP/1.1 '),
  'two spaces before the target': (draft) => void (draft.method = 'POST '),
  'a tab before the target': (draft) => void (draft.method = 'POST\t'),
  'a query': withTarget((target) => `${target}?a=b`),
  'a fragment': withTarget((target) => `${target}#a`),
  'an absolute target': withTarget((target) => `http://gate.example${target}`),
  'a target of two slashes': withTarget((target) => `/${target}`),
  'a target in capitals': withTarget((target) => target.toUpperCase()),
  'a target percent-encoded': withTarget((target) => target.replace('r', '%72')),
  'a target with dots': withTarget((target) => `/x/..${target}`),
  'a target with a high byte': withTarget((target) => `${target}\u00e4`),
  'a target with a NUL': withTarget((target) => `${target}\0`),
  'a target of 9,000 bytes': withTarget((target) => `${target}?${'a'.repeat(9000)}`),
  'the asterisk': withTarget(() => '*'),
  'bare line feeds': (draft) => void (draft.lineEnd = '\n'),
  'bare carriage returns': (draft) => void (draft.lineEnd = '\r'),
  'a bare line feed in a value': withLine('x-odd: a\nx-write-key: b'),
  'a bare carriage return in a value': withLine('x-odd: a\rb'),
  'an empty line first': (draft) => void (draft.method = '\r\nPOST'),
  'a folded line': withLine('x-odd: a', ' b'),
  'a line folded by a tab': withLine('x-odd: a', '\tb'),
  'a space before the colon': withLine('x-odd : a'),
  'a space before a name': (draft) => void draft.lines.unshift(' x-odd: a'),
  'a space in a name': withLine('x odd: a'),
  'a name with a parenthesis': withLine('x(odd): a'),
  'a name with a high byte': withLine('x-\u00e4: a'),
  'a name with a NUL': withLine('x-\0: a'),
  'an empty name': withLine(': a'),
  'no colon': withLine('x-odd'),
  'a value with a NUL': withLine('x-odd: a\0b'),
  'a value with a tab': withLine('x-odd: a\tb'),
  'a value behind a tab': withLine('x-odd:\ta'),
  'a value with a high byte': withLine('x-odd: \u00e4'),
  'a value with DEL': withLine('x-odd: a\x7f'),
  'a value of 7,000 bytes': withLine(`x-odd: ${'a'.repeat(7000)}`),
  'a value of 9,000 bytes': withLine(`x-odd: ${'a'.repeat(9000)}`),
  'a value of 40,000 bytes': withLine(`x-odd: ${'a'.repeat(40_000)}`),
  '50 headers more': withLine(...Array.from({ length: 50 }, (_, index) => `x-${index}: a`)),
  '100 headers more': withLine(...Array.from({ length: 100 }, (_, index) => `x-${index}: a`)),
  'a header twice': withLine('x-odd: a', 'X-Odd: b'),
  'the key twice': withLine('x-write-key: no', 'X-Write-Key: yes'),
  'the content type twice': withLine('content-type: text/plain'),
  'a trace': withLine(`traceparent: 00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, 'tracestate: a=b'),
  'an odd correlation id': withLine('x-correlation-id: a b'),
  __proto__: withLine('__proto__: a'),
  'a constructor': withLine('constructor: a', 'hasOwnProperty: b'),
  'set-cookie': withLine('set-cookie: a'),
  'a cookie': withLine('cookie: a=b; c=d'),
  'no host': (draft) => void (draft.lines = draft.lines.filter((line) => !/^host/i.test(line))),
  'an empty host': (draft) =>
    void (draft.lines = draft.lines.map((line) => line.replace(/^Host:.*/, 'Host:'))),
  'two hosts': withLine('host: other.example'),
  'the host twice': withLine('host: gate.example'),
  'no key': (draft) =>
    void (draft.lines = draft.lines.filter((line) => !/^(x-w|auth)/i.test(line))),
  'a wrong key': (draft) =>
    void (draft.lines = draft.lines.map((line) => line.replace(writeKey, 'hg_no'))),
  'another content type': (draft) =>
    void (draft.lines = draft.lines.map((line) =>
      line.replace(/^(Content-Type: ).*/, '$1text/plain'),
    )),
  'a parameter of the content type': (draft) =>
    void (draft.lines = draft.lines.map((line) =>
      line.replace(/^(Content-Type: .*)/, '$1; charset=utf-8'),
    )),
  'an unknown encoding': withLine('content-encoding: snappy'),
  'a body that is not packed': withLine('content-encoding: gzip'),
  'no length': (draft) =>
    void (draft.lines = draft.lines.filter((line) => !/^content-l/i.test(line))),
  'an empty length': withLength(() => 'Content-Length:'),
  'a length with a plus': withLength((length) => `Content-Length: +${length}`),
  'a negative length': withLength((length) => `Content-Length: -${length}`),
  'a length with a zero before it': withLength((length) => `Content-Length: 0${length}`),
  'a length in hexadecimal': withLength((length) => `Content-Length: 0x${length.toString(16)}`),
  'a length of ten digits': withLength(() => 'Content-Length: 1000000000'),
  'a length of thirty digits': withLength(() => `Content-Length: ${'9'.repeat(30)}`),
  'a list of lengths': withLength((length) => `Content-Length: ${length}, ${length}`),
  'a length with a space in it': withLength((length) => `Content-Length: ${length} 0`),
  'a length one short': withLength((length) => `Content-Length: ${Math.max(0, length - 1)}`),
  'a length one over': withLength((length) => `Content-Length: ${length + 1}`),
  'the length twice': withLength(
    (length) => `Content-Length: ${length}\r\ncontent-length: ${length}`,
  ),
  'two lengths': withLength(
    (length) => `Content-Length: ${length}\r\ncontent-length: ${length + 1}`,
  ),
  'no body': (draft) => {
    withLength(() => 'Content-Length: 0')(draft);
    draft.body = Buffer.alloc(0);
  },
  chunked,
  'chunked, and a length': (draft) => {
    const { length } = draft.body;
    chunked(draft);
    draft.lines.push(`content-length: ${length}`);
  },
  'a length, and chunked': withLine('transfer-encoding: chunked'),
  'an unknown transfer coding': withLine('transfer-encoding: xchunked'),
  identity: withLine('transfer-encoding: identity'),
  'connection: close': withLine('connection: close'),
  'connection: Keep-Alive': withLine('Connection: Keep-Alive'),
  'a list of connection options': withLine('connection: keep-alive, te'),
  'an upgrade': withLine('connection: upgrade', 'upgrade: websocket'),
  'an upgrade to h2c': withLine(
    'connection: upgrade, http2-settings',
    'upgrade: h2c',
    'http2-settings: AA',
  ),
  'an upgrade that is not asked for': withLine('upgrade: h2c'),
  expect: withLine('expect: 100-continue'),
  'an unknown expectation': withLine('expect: nonsense'),
  te: withLine('te: trailers'),
  trailer: withLine('trailer: x-odd'),
  'proxy-connection': withLine('proxy-connection: close'),
  'keep-alive': withLine('keep-alive: timeout=1'),
  'a body of 63,000 bytes': (draft) => {
    draft.body = Buffer.from(JSON.stringify({ ...track, context: { filler: 'x'.repeat(63_000) } }));
    withLength((length) => `Content-Length: ${length}`)(draft);
  },
  'a body over the limit': (draft) => {
    draft.body = Buffer.alloc(66_000, 0x20);
    withLength((length) => `Content-Length: ${length}`)(draft);
  },
};

function bytesOf({ method, target, version, lines, lineEnd, body }: Draft): Buffer {
  const start = version === '' ? `${method} ${target}` : `${method} ${target} ${version}`;
  const head = [start, ...lines, '', ''].join(lineEnd);
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}

interface Request {
  readonly oddity: string;
  readonly bytes: Buffer;
}

const requests: fc.Arbitrary<Request> = fc
  .tuple(drafts, fc.oneof(fc.constant('nothing'), fc.constantFrom(...Object.keys(http1Oddities))))
  .map(([draft, oddity]) => {
    http1Oddities[oddity]!(draft);
    return { oddity, bytes: bytesOf(draft) };
  });

/** Splits the bytes of `whole` into parts. */
type Split = (whole: Buffer, requests: readonly Request[], at: number) => Buffer[];

const splits: Readonly<Record<string, Split>> = {
  none: (whole) => [whole],
  'between requests': (_whole, all) => all.map(({ bytes }) => bytes),
  'at one byte': (whole, _all, at) => {
    const middle = 1 + (at % (whole.length - 1));
    return [whole.subarray(0, middle), whole.subarray(middle)];
  },
  'before the body': (whole) => {
    const middle = whole.indexOf('\r\n\r\n') + 4;
    return middle < 4 || middle === whole.length
      ? [whole]
      : [whole.subarray(0, middle), whole.subarray(middle)];
  },
  'within the second request': (whole, [first], at) => {
    const middle = first!.bytes.length + (at % Math.max(1, whole.length - first!.bytes.length));
    return [whole.subarray(0, middle), whole.subarray(middle)].filter(({ length }) => length > 0);
  },
};

export const http1Writings: fc.Arbitrary<Http1Writing> = fc
  .tuple(
    fc.oneof(
      { weight: 3, arbitrary: fc.array(requests, { minLength: 1, maxLength: 1 }) },
      { weight: 2, arbitrary: fc.array(requests, { minLength: 2, maxLength: 3 }) },
    ),
    fc.constantFrom(...Object.keys(splits), 'none'),
    fc.nat(100_000),
  )
  .map(([all, split, at]) => ({
    oddities: all.map(({ oddity }) => oddity),
    split,
    parts: splits[split]!(Buffer.concat(all.map(({ bytes }) => bytes)), all, at),
    requests: all.length,
  }));

/** The same plain request, split at each of its bytes in turn. */
export function tornEverywhere(): Http1Writing[] {
  const [draft] = fc.sample(drafts, { numRuns: 1, seed: 3 });
  const bytes = bytesOf(draft!);
  return Array.from({ length: bytes.length - 1 }, (_, index) => ({
    oddities: ['nothing'],
    split: `at byte ${index + 1}`,
    parts: [bytes.subarray(0, index + 1), bytes.subarray(index + 1)],
    requests: 1,
  }));
}
