import net from 'node:net';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { expectFailure } from './expectations.ts';
import { openGate, type OpenGate } from './open-gate.ts';
import { order } from './sample-events.ts';
import { send } from './wire.ts';
import { knock, wireEndpoints } from './wire-endpoints.ts';

/* The fine print of HTTP and of what it carries, at every endpoint. Host and framing: src/http/check-requests.test.ts. */

let gate: OpenGate;

beforeAll(async () => {
  const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
  gate = await openGate({
    yaml: `webhooks:
  shop:
    provider: standard
    secret: ${secret}
    user_id: [/data/customer, header:x-customer]
    occurred_at: /timestamp
    properties: /data/order
    events: { order.paid: order_completed }
`,
  });
});

afterAll(() => gate[Symbol.asyncDispose]());

const json = { 'content-type': 'application/json' };

describe('the forms of a target', () => {
  test.for(wireEndpoints)('two slashes, and one at the end: $name', async (door) => {
    for (const path of [`/${door.path}`, `${door.path}/`]) {
      const answer = await knock(gate.port, door, { events: [order()], path });
      expect(answer.results[0]?.status, answer.raw).toBe('accepted');
    }
  });

  /** Over HTTP/1.1: the status of the answer, and what came of it. */
  const exchange = (port: number, text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = net.connect(port, '127.0.0.1', () => socket.write(text));
      socket.on('error', reject);
      let received = '';
      socket.on('data', (chunk) => (received += String(chunk)));
      socket.on('close', () => resolve(received));
    });

  const post = (target: string, body: string, ...lines: string[]): string =>
    [
      `POST ${target} HTTP/1.1`,
      'Host: other',
      'Connection: close',
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...lines,
      '',
      body,
    ].join('\r\n');

  test.each([
    ['http://gate.example/v1/track', 202],
    ['https://gate.example:443/v1/track?a=1', 202],
    ['http://gate.example//v1/track/', 202],
    ['http://gate.example/v1/nothing', 404],
    ['http://gate.example', 404],
    ['http://gate.example/v1/webhooks/shop', 401],
  ])('absolute: %s: %i', async (target, status) => {
    const answer = await exchange(gate.port, post(target, JSON.stringify(order())));
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });

  test.each(['http://gate.example/healthz', '//healthz', '/healthz/'])(
    'on the admin port: %s',
    async (target) => {
      const { port } = new URL(gate.real.adminUrl);
      const answer = await exchange(Number(port), post(target, ''));
      expect(answer).toMatch(/^HTTP\/1\.1 200 [^]*ok\n/);
    },
  );

  test.each([
    ['/v1/track', 5_242_880, 'application/json', 413],
    ['/v1/track', 2, 'text/xml', 415],
    ['/v1/nothing', 2, 'application/json', 404],
  ])('Expect: %s with %i bytes of %s: %i without a 100', async (path, length, type, status) => {
    const head = `POST ${path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Type: ${type}`;
    const answer = await exchange(gate.port, `${head}\r\nContent-Length: ${length}\r\n\r\n`);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });
});

describe('a charset', () => {
  test.for(wireEndpoints)('other than UTF-8 is refused: $name', async (door) => {
    const { contentType } = door;
    for (const charset of ['iso-8859-1', '"UTF-16"']) {
      const type = { 'content-type': `${contentType}; charset=${charset}` };
      const answer = await knock(gate.port, door, { events: [order()], headers: type });
      expectFailure(answer, door, 'malformed_request');
      expect(answer.message).toContain('UTF-8');
    }
    for (const charset of ['utf-8', '"UTF-8"', 'utf8', 'us-ascii']) {
      const type = { 'content-type': `${contentType}; charset=${charset}` };
      const answer = await knock(gate.port, door, { events: [order()], headers: type });
      expect(answer.results[0]?.status, answer.raw).toBe('accepted');
    }
  });

  test.each([
    ['/v1/segment/track', { 'content-type': 'text/plain; charset=latin1' }],
    ['/v1/segment/batch', { 'content-type': 'application/json; charset=windows-1252' }],
    ['/batch/', { 'content-type': 'application/json; charset=iso-8859-15' }],
    ['/track', { 'content-type': 'application/json;charset=utf-16le' }],
    ['/v1/cloudevents', { 'content-type': 'application/cloudevents+json; charset=latin1' }],
    [
      '/v1/webhooks/shop',
      {
        'content-type': 'application/json; charset=latin1',
        'svix-id': 'msg_1',
        'svix-timestamp': String(Math.floor(Date.now() / 1000)),
        'svix-signature': 'v1,AAAA',
      },
    ],
  ])('other than UTF-8 is refused: %s', async (path, headers) => {
    const answer = await send({ port: gate.port, version: '1.1', path, headers, body: '{}' });
    expect([answer.status, String(answer.body)]).toEqual([
      400,
      expect.stringContaining('is not taken here. Send UTF-8'),
    ]);
  });
});

const trace = '0af7651916cd43dd8448eb211c80319c';
const span = 'b7ad6b7169203331';

test.each([
  `00-${'0'.repeat(32)}-${span}-01`,
  `00-${trace}-${'0'.repeat(16)}-01`,
  `ff-${trace}-${span}-01`,
  `00-${trace}-${span}`,
  `00-${trace}-${span}-01-more`,
  `00-${trace.toUpperCase()}-${span}-01`,
])('an invalid traceparent is not stored: %s', async (traceparent) => {
  for (const door of wireEndpoints) {
    const after = await gate.last('EVENTS');
    await knock(gate.port, door, { events: [order()], headers: { traceparent } });
    const [kept] = await gate.events(after);
    expect(kept!.header('traceparent'), door.name).toBe('');
    expect(kept!.bytes.toString()).not.toContain(traceparent);
  }
  const event = { specversion: '1.0', id: traceparent, source: '/s', type: 'order.completed' };
  const after = await gate.last('EVENTS');
  await send({
    port: gate.port,
    version: '1.1',
    path: '/v1/cloudevents',
    headers: { 'content-type': 'application/cloudevents+json' },
    body: JSON.stringify({ ...event, traceparent, data: order()['properties'], subject: 'u' }),
  });
  for (const kept of await gate.events(after)) expect(kept.header('traceparent')).toBe('');
});

test.each([
  ['<html>', 'found <html> at position 0 (line 1 column 1)'],
  ['{"n":\n NaN}', 'found NaN at position 7 (line 2 column 2)'],
])('the answer to what is no JSON says where and what: %j', async (body, why) => {
  for (const path of ['/v1/track', '/v1/batch', '/v1/segment/batch', '/batch/', '/track']) {
    const answer = await send({ port: gate.port, version: '1.1', path, headers: json, body });
    expect(String(answer.body), path).toContain(JSON.stringify(why).slice(1, -1));
  }
});

describe('a form of Mixpanel', () => {
  const event = (name: string): string =>
    `data={"event":"order_completed","properties":{"token":"t","distinct_id":"${name}","total":1}}`;
  const sendForm = (body: Uint8Array) =>
    send({
      port: gate.port,
      version: '1.1',
      path: '/track?verbose=1',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body,
    });

  test.each([
    ['bytes', Buffer.from(event('caf\u00e9'), 'latin1')],
    ['escapes', Buffer.from(event('caf%E9'))],
    [
      'bytes in base64',
      Buffer.from(`data=${Buffer.from(event('caf\u00e9').slice(5), 'latin1').toString('base64')}`),
    ],
  ])('%s that are no UTF-8 are refused', async (_name, body) => {
    const answer = await sendForm(body);
    expect([answer.status, String(answer.body)]).toEqual([
      400,
      expect.stringContaining('not UTF-8'),
    ]);
  });

  test.each([
    ['bytes', event('caf\u00e9')],
    ['escapes', event('caf%C3%A9')],
  ])('%s of UTF-8 are read as such', async (_name, body) => {
    const [events, rejected] = [await gate.last('EVENTS'), await gate.last('REJECTED')];
    await sendForm(Buffer.from(body));
    const kept = [...(await gate.events(events)), ...(await gate.rejected(rejected))];
    expect(kept.map(({ bytes }) => bytes.toString())).toEqual([
      expect.stringContaining('caf\u00e9'),
    ]);
  });
});
