import http from 'node:http';
import http2 from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Health } from '../../gen/grpc/health/v1/health_pb.ts';
import type { BodySink, HttpCall } from './http-call.ts';
import { listen, type Listener } from './listen.ts';
import { createUniversalEndpoint } from './universal.ts';

let listener: Listener;

beforeAll(async () => {
  const endpoint = createUniversalEndpoint(
    (router) =>
      router.service(Health, {
        check: async (_request, { signal }) => {
          await sleep(30, undefined, { signal });
          return { status: 1 };
        },
        async *watch() {
          yield { status: 1 };
        },
      }),
    {},
  );
  listener = await listen({
    address: { host: '127.0.0.1', port: 0 },
    tls: undefined,
    engine: 'own',
    handle: (call) => void endpoint.serve(call, 'id', call.url),
    setting: 'none',
    idleTimeoutMs: 10_000,
    requestTimeoutMs: 10_000,
    connectionsMax: 100,
  });
});
afterAll(() => listener.close(0));

interface Sent {
  readonly rpc: 'Check' | 'Watch';
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

interface Told {
  readonly status: number;
  readonly text: string;
  readonly trailers: Record<string, unknown>;
}

function post({ rpc, headers, body }: Sent): Promise<Told> {
  const session = http2.connect(`http://127.0.0.1:${listener.address.port}`);
  const path = `/grpc.health.v1.Health/${rpc}`;
  const stream = session.request({ ':method': 'POST', ':path': path, ...headers });
  stream.end(body);
  return new Promise((resolve, reject) => {
    let status = 0;
    let text = '';
    let trailers = {};
    stream.on('response', (received) => (status = received[':status']!));
    stream.on('trailers', (received) => (trailers = received));
    stream.setEncoding('latin1').on('data', (part: string) => (text += part));
    stream.on('error', reject);
    stream.on('close', () => {
      session.close();
      resolve({ status, text, trailers });
    });
  });
}

const framed = (message: Buffer): Buffer => {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
};
const broken = Buffer.from([0xff, 0xff]);

describe('bytes that are no message are the fault of the caller', () => {
  test('Connect, over HTTP/1.1 and HTTP/2', async () => {
    const headers = { 'content-type': 'application/proto' };
    const answer = await post({ rpc: 'Check', headers, body: broken });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'invalid_argument' });
    const url = `http://127.0.0.1:${listener.address.port}/grpc.health.v1.Health/Check`;
    const told = await new Promise<{ status: number; text: string }>((resolve, reject) => {
      const sent = http.request(url, { method: 'POST', headers, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () => resolve({ status: response.statusCode!, text }));
      });
      sent.on('error', reject);
      sent.end(broken);
    });
    expect(told.status).toBe(400);
    expect(JSON.parse(told.text)).toMatchObject({ code: 'invalid_argument' });
  });

  test('Connect, compressed with what it is not', async () => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const answer = await post({ rpc: 'Check', headers, body: Buffer.from('{') });
    expect([answer.status, JSON.parse(answer.text)]).toMatchObject([
      400,
      { code: 'invalid_argument' },
    ]);
  });

  test('a stream of Connect', async () => {
    const headers = { 'content-type': 'application/connect+proto' };
    const { text } = await post({ rpc: 'Watch', headers, body: framed(broken) });
    expect(text.charCodeAt(0)).toBe(2);
    const length = Buffer.from(text, 'latin1').readUInt32BE(1);
    expect(JSON.parse(text.slice(5, 5 + length))).toMatchObject({
      error: { code: 'invalid_argument' },
    });
  });

  test.each(['Check', 'Watch'] as const)('gRPC and gRPC-Web: %s', async (rpc) => {
    const body = framed(broken);
    const grpc = await post({ rpc, headers: { 'content-type': 'application/grpc' }, body });
    expect(grpc.trailers['grpc-status']).toBe('3');
    const web = await post({ rpc, headers: { 'content-type': 'application/grpc-web' }, body });
    const bytes = Buffer.from(web.text, 'latin1');
    expect(bytes.readUInt32BE(1)).toBe(bytes.length - 5);
    expect(web.text).toMatch(/grpc-status: 3\r\n/);
  });
});

test.each([
  ['grpc-timeout', '99999999H', 'application/grpc'],
  ['grpc-timeout', '2147484S', 'application/grpc'],
  ['connect-timeout-ms', '9999999999', 'application/proto'],
])('a deadline beyond what a timer can wait is none: %s %s', async (name, value, type) => {
  const isGrpc = type.endsWith('grpc');
  const body = isGrpc ? framed(Buffer.alloc(0)) : Buffer.alloc(0);
  const headers = { 'content-type': type, [name]: value };
  const { status, trailers } = await post({ rpc: 'Check', headers, body });
  expect([status, trailers['grpc-status'] ?? '0']).toEqual([200, '0']);
});

test('a body that ends within the request for more of it is complete', async () => {
  const endpoint = createUniversalEndpoint(
    (router) => router.service(Health, { check: () => ({ status: 1 }) }),
    {},
  );
  const { promise: answered, resolve } = Promise.withResolvers<string>();
  let sink: BodySink | undefined;
  let isChunkSent = false;
  let isEnded = false;
  const answer = {
    begin: () => {},
    write: (_bytes: Uint8Array, written: () => void) => written(),
    end: () => resolve('answered'),
    cut: () => resolve('cut'),
  };
  // As a body that waited for its turn: node/paced-sink.ts.
  const call = {
    httpVersionMajor: 1,
    method: 'POST',
    url: '/grpc.health.v1.Health/Check',
    headers: { 'content-type': 'application/json' },
    connection: {},
    answered: false,
    complete: true,
    receive: (own: BodySink) => (sink = own),
    hold: () => {},
    resume: () => {
      if (!isChunkSent) {
        isChunkSent = true;
        setImmediate(() => sink!.chunk(Buffer.from('{}')));
      } else if (!isEnded) {
        isEnded = true;
        sink!.end();
      }
    },
    whenAnswered: () => {},
    cutOffAfterAnswer: () => {},
    open: () => answer,
  } as unknown as HttpCall;
  expect(endpoint.serve(call, 'id', call.url)).toBe(true);
  const late = sleep(2_000, 'no answer', { ref: false });
  expect(await Promise.race([answered, late])).toBe('answered');
  expect(isEnded).toBe(true);
});
