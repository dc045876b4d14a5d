import http2 from 'node:http2';
import net from 'node:net';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { isAuthority } from './check-requests.ts';
import { engines } from './engine-peer.fixture.ts';
import { cutOffWhenAnswered, type HttpCall } from './http-call.ts';
import { listen, type Listener } from './listen.ts';

/* What both engines answer by the rules of HTTP, whatever the endpoint. */

/** `/refused` is answered by its headers; all else once its body is whole. */
function handle(call: HttpCall): void {
  if (call.url === '/refused') {
    cutOffWhenAnswered(call);
    call.reply(401, { 'content-length': 2 }, 'no');
    return;
  }
  const end = (): void => call.reply(200, { 'content-length': 2 }, 'ok');
  call.receive({ chunk: () => {}, end, cut: () => {} });
}

describe.each(engines)('rules of HTTP: %s', (engine) => {
  let listener: Listener;

  beforeAll(async () => {
    listener = await listen({
      address: { host: '127.0.0.1', port: 0 },
      tls: undefined,
      engine,
      handle,
      isFastPath: () => true,
      setting: 'none',
      idleTimeoutMs: 60_000,
      requestTimeoutMs: 60_000,
      connectionsMax: 100,
    });
  });

  afterAll(() => listener.close(0));

  /** Writes over HTTP/1.1, and resolves with what came within a moment of silence. */
  const exchange = (text: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = net.connect(listener.address.port, '127.0.0.1', () => socket.write(text));
      let received = '';
      let timer = setTimeout(() => socket.destroy(), 1000);
      socket.on('data', (chunk) => {
        received += String(chunk);
        clearTimeout(timer);
        timer = setTimeout(() => socket.destroy(), 60);
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve(received));
    });

  const post = (...lines: string[]): string =>
    `${['POST /a HTTP/1.1', ...lines, 'Content-Length: 2'].join('\r\n')}\r\n\r\n{}`;

  const chunked = (coding: string): string =>
    `POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ${coding}\r\n\r\n2\r\n{}\r\n0\r\n\r\n`;

  test.each([
    ['one Host', post('Host: gate.example:8080'), 200],
    ['an empty Host', post('Host:'), 200],
    ['an address of IPv6', post('Host: [::1]:80'), 200],
    ['no Host', post(), 400],
    ['no Host in HTTP/1.0', post().replace('1.1', '1.0'), 200],
    ['two Hosts', post('Host: a', 'Host: b'), 400],
    ['the same Host twice', post('Host: a', 'host: a'), 400],
    ['a Host with a path', post('Host: a/b'), 400],
    ['a Host with user information', post('Host: a@b'), 400],
    ['a Host with a space', post('Host: a b'), 400],
    ['a Host with an odd port', post('Host: a:x'), 400],
    ['an unknown expectation', post('Host: a', 'Expect: magic'), 417],
    ['an unknown transfer coding', chunked('gzip, chunked'), 501],
    ['two lines of codings', chunked('gzip\r\nTransfer-Encoding: chunked'), 501],
    ['chunked in capitals', chunked('Chunked'), 200],
    ['the asterisk', 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', 204],
    ['POST to the asterisk', post('Host: a').replace('/a', '*'), 400],
    ['CONNECT', 'CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n', 405],
    ['an authority as the target', post('Host: a').replace('/a', 'a:80'), 400],
  ])('%s: %i', async (_name, text, status) => {
    const answer = await exchange(text);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer.match(/HTTP\/1\.1 \d/g)).toHaveLength(1);
    expect(answer).toMatch(/x-correlation-id: [0-9a-f-]{36}\r\n|^HTTP\/1\.1 200 /i);
    expect(answer).toMatch(/content-type: application\/problem\+json\r\n|^HTTP\/1\.1 20[04] /i);
    expect(answer).toMatch(/allow: GET, HEAD, POST|^HTTP\/1\.1 (?!405|204)/i);
  });

  test.each(['100-continue', '100-Continue'])(
    'Expect: %s is answered where it helps',
    async (it) => {
      const head = (path: string): string =>
        `POST ${path} HTTP/1.1\r\nHost: a\r\nExpect: ${it}\r\nContent-Length: 2\r\n\r\n`;
      expect(await exchange(head('/a'))).toBe('HTTP/1.1 100 Continue\r\n\r\n');
      expect(await exchange(`${head('/a')}{}`)).toMatch(
        /^(HTTP\/1.1 100 Continue\r\n\r\n)?HTTP\/1.1 200 /,
      );
      const refused = await exchange(head('/refused'));
      expect(refused).toMatch(/^HTTP\/1\.1 401 /);
      expect(refused).not.toContain('100 Continue');
    },
  );

  test.each(['zz\r\n', '2\r\n{}x', '-1\r\n', '2;\n{}\r\n'])(
    'broken chunks (%j) are answered at once',
    async (chunks) => {
      const head = 'POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
      const startedAt = performance.now();
      const answer = await exchange(`${head}1\r\n{\r\n${chunks}`);
      expect(answer).toMatch(/^HTTP\/1\.1 400 [^]*"code":"malformed_request"/);
      expect(performance.now() - startedAt).toBeLessThan(800);
    },
  );

  /** Over HTTP/2: the status, and whether 100 came before it. */
  const request = (headers: http2.OutgoingHttpHeaders): Promise<[number, boolean]> =>
    new Promise((resolve, reject) => {
      const session = http2.connect(`http://127.0.0.1:${listener.address.port}`);
      const stream = session.request({ ':method': 'POST', ':path': '/a', ...headers });
      let continued = false;
      stream.on('continue', () => {
        continued = true;
        stream.end('{}');
      });
      if (headers['expect'] === undefined) stream.end();
      stream.on('response', (answer) => {
        resolve([answer[':status']!, continued]);
        session.destroy();
      });
      stream.on('error', reject);
    });

  test.each([
    ['a valid authority', {}, 200, false],
    ['an authority with an odd port', { ':authority': 'a:x' }, 400, false],
    ['a Host that is the authority', { ':authority': 'a:443', host: 'A' }, 200, false],
    ['a Host without authority', { ':authority': undefined, host: 'a' }, 200, false],
    ['a Host of another name', { ':authority': 'a', host: 'b' }, 400, false],
    ['a Host with another port', { ':authority': 'a:1', host: 'a:2' }, 400, false],
    ['an unknown expectation', { expect: 'magic' }, 417, false],
    ['an expectation', { expect: '100-continue' }, 200, true],
    [
      'an expectation of what is refused',
      { expect: '100-continue', ':path': '/refused' },
      401,
      false,
    ],
    ['the asterisk', { ':method': 'OPTIONS', ':path': '*' }, 204, false],
  ])('HTTP/2: %s', async (_name, headers, status, continued) => {
    expect(await request(headers)).toEqual([status, continued]);
  });
});

test.each([
  ['gate.example', true],
  ['gate.example:443', true],
  ['[2001:db8::1]:80', true],
  ['', true],
  ['a:123456', false],
  ['a,b', true],
  ['a/b', false],
  ['a?b', false],
  ['a#b', false],
  ['[::1', false],
  ['ä', false],
])('%j is an authority: %j', (text, isOne) => {
  expect(isAuthority(text)).toBe(isOne);
});
