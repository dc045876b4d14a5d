import { once } from 'node:events';
import http, { type IncomingHttpHeaders } from 'node:http';
import net from 'node:net';

import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { headBytesMax, headersMax, readCompleteRequest } from './read-request.ts';

const start = 'POST /v1/track HTTP/1.1\r\n';
const host = 'Host: gate.example\r\n';

function read(text: string): ReturnType<typeof readCompleteRequest> {
  return readCompleteRequest(Buffer.from(text, 'latin1'));
}

/** A request with these lines (they include their line ends) and a body of the right length. */
function withLines(lines: string, body = '{}'): string {
  return `${start}${host}${lines}Content-Length: ${body.length}\r\n\r\n${body}`;
}

describe('readCompleteRequest', () => {
  test('reads a plain request', () => {
    const request = read(
      withLines('Content-Type: application/json\r\nX-Odd:  a  b \r\nx-empty:\r\n'),
    )!;
    expect(request.url).toBe('/v1/track');
    expect(request.body.toString()).toBe('{}');
    expect({ ...request.headers }).toEqual({
      host: 'gate.example',
      'content-type': 'application/json',
      'x-odd': 'a  b',
      'x-empty': '',
      'content-length': '2',
    });
  });

  test('takes an empty body, and one of nine digits that is not here', () => {
    expect(read(withLines('', ''))!.body.length).toBe(0);
    expect(read(`${start}${host}Content-Length: 999999999\r\n\r\n`)).toBeUndefined();
  });

  test('finds nothing if nothing was sent', () => {
    const { headers } = read(withLines('constructor: a\r\n'))!;
    expect(headers['constructor']).toBe('a');
    expect(headers['toString']).toBeUndefined();
  });

  test.each([
    ['connection: keep-alive\r\n', true],
    ['connection: Keep-Alive\r\n', false],
    ['connection: close\r\n', false],
    ['connection: keep-alive, te\r\n', false],
    ['content-length: 2\r\n', false],
    ['Host: gate.example\r\n', false],
    ['x-odd: a\r\nX-ODD: a\r\n', false],
    ['x-odd : a\r\n', false],
    [' x-odd: a\r\n', false],
    ['x-odd: a\r\n b\r\n', false],
    ['x-odd: a\n', false],
    ['x-odd: a\r', false],
    ['x-odd: a\nb: c\r\n', false],
    ['x-odd: a\tb\r\n', false],
    ['x-odd: a\0\r\n', false],
    ['x-odd: \x7f\r\n', false],
    ['x-odd: \u00e4\r\n', false],
    ['x-\u00e4: a\r\n', false],
    ['x odd: a\r\n', false],
    ['x-odd\r\n', false],
    [': a\r\n', false],
    ['Transfer-Encoding: chunked\r\n', false],
    ['Transfer-Encoding: identity\r\n', false],
    ['expect: 100-continue\r\n', false],
    ['upgrade: h2c\r\n', false],
    ['te: trailers\r\n', false],
    ['trailer: x-odd\r\n', false],
    ['HTTP2-Settings: AA\r\n', false],
    ['proxy-connection: close\r\n', false],
    ['keep-alive: timeout=1\r\n', false],
    ['set-cookie: a\r\n', false],
    ['__proto__: a\r\n', false],
    ['cookie: a=b\r\n', true],
  ])('with %j: %s', (lines, taken) => {
    expect(read(withLines(lines)) !== undefined).toBe(taken);
  });

  test.each([
    '+2',
    '-2',
    '02',
    '0x2',
    '2 2',
    '2,2',
    '2.0',
    '1',
    '3',
    '',
    '0000000002',
    '1000000000',
  ])('leaves a length of %j for a body of two bytes', (length) => {
    expect(read(`${start}${host}Content-Length: ${length}\r\n\r\n{}`)).toBeUndefined();
  });

  test.each([
    'post /v1/track HTTP/1.1',
    'PUT /v1/track HTTP/1.1',
    'POST  /v1/track HTTP/1.1',
    'POST\t/v1/track HTTP/1.1',
    'POST http://gate.example/v1/track HTTP/1.1',
    'POST * HTTP/1.1',
    'POST v1/track HTTP/1.1',
    'POST /v1/tr\u00e4ck HTTP/1.1',
    'POST /v1/track\0 HTTP/1.1',
    'POST /v1/track HTTP/1.0',
    'POST /v1/track http/1.1',
    'POST /v1/track HTTP/1.10',
    'POST /v1/track HTTP/1.1 ',
    'POST /v1/track',
    '\r\nPOST /v1/track HTTP/1.1',
    '',
  ])('leaves a request that begins with %j', (line) => {
    expect(read(withLines('').replace(start, `${line}\r\n`))).toBeUndefined();
  });

  test('leaves one without a host or a length, and with a byte more or less', () => {
    expect(read(`${start}Content-Length: 2\r\n\r\n{}`)).toBeUndefined();
    expect(read(`${start}Host:\r\nContent-Length: 2\r\n\r\n{}`)).toBeUndefined();
    expect(read(`${start}${host}\r\n{}`)).toBeUndefined();
    const whole = withLines('');
    expect(read(whole)).toBeDefined();
    expect(read(`${whole}\r\n`)).toBeUndefined();
    expect(read(`${whole}${whole}`)).toBeUndefined();
    for (let length = 0; length < whole.length; length += 1) {
      expect(read(whole.slice(0, length))).toBeUndefined();
    }
  });

  test('takes as many headers as the limit, and not one more', () => {
    const lines = (count: number): string =>
      Array.from({ length: count - 2 }, (_, index) => `x-${index}: a\r\n`).join('');
    expect(read(withLines(lines(headersMax)))).toBeDefined();
    expect(read(withLines(lines(headersMax + 1)))).toBeUndefined();
  });

  test('takes a head as long as the limit, and not one byte more', () => {
    const around = withLines('x-odd: \r\n', '').length;
    const ofLength = (length: number): string =>
      withLines(`x-odd: ${'a'.repeat(length - around)}\r\n`, '');
    expect(ofLength(headBytesMax).length).toBe(headBytesMax);
    expect(read(ofLength(headBytesMax))).toBeDefined();
    expect(read(ofLength(headBytesMax + 1))).toBeUndefined();
  });
});

const tokens = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/);
const values = fc.stringMatching(/^[ -~]{0,30}$/);
/**
 * Mostly plain bytes, so that the reader accepts many requests, with a few arbitrary bytes among
 * them.
 */
const lines = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.tuple(tokens, values).map(([name, value]) => `${name}:${value}\r\n`),
  },
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        fc.constantFrom(
          'Connection',
          'TE',
          'Expect',
          'Content-Type',
          'User-Agent',
          'Accept',
          'Cookie',
        ),
        fc.constantFrom('keep-alive', 'close', 'a', '', ' a, b '),
      )
      .map(([name, value]) => `${name}: ${value}\r\n`),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }) },
);
const texts = fc
  .tuple(
    fc.stringMatching(/^\/[!-~]{0,20}$/),
    fc.array(lines, { maxLength: 6 }),
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.oneof({ weight: 20, arbitrary: fc.constant(0) }, fc.constantFrom(-1, 1)),
  )
  .map(([target, extra, body, wrong]) => {
    const bytes = Buffer.from(body);
    const length = Math.max(0, bytes.length + wrong);
    const head = `POST ${target} HTTP/1.1\r\n${host}${extra.join('')}Content-Length: ${length}\r\n\r\n`;
    return Buffer.concat([Buffer.from(head, 'latin1'), bytes]);
  });

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

describe('what is taken', () => {
  let server: http.Server;
  let seen: Seen[] = [];

  beforeAll(async () => {
    server = http.createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        seen.push({ method, url, headers, body: Buffer.concat(chunks).toString('latin1') });
        response.end();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  /** What Node reads from the request, before the connection is closed. */
  async function seenByNode(bytes: Buffer): Promise<Seen[]> {
    seen = [];
    const socket = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(bytes);
    await Promise.race([once(socket, 'data'), once(socket, 'close')]);
    socket.destroy();
    return seen;
  }

  test('Node reads as the same request, and as one', async () => {
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(texts, async (bytes) => {
        const request = readCompleteRequest(bytes);
        if (request === undefined) return;
        taken += 1;
        const { url, headers, body } = request;
        const ours = {
          method: 'POST',
          url,
          headers: { ...headers },
          body: body.toString('latin1'),
        };
        expect(await seenByNode(bytes)).toEqual([ours]);
      }),
      { numRuns: 2000 },
    );
    expect(taken).toBeGreaterThan(500);
  });
});
