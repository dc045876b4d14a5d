import http from 'node:http';
import http2 from 'node:http2';

import { expect, test } from 'vitest';

import type { HttpCall } from './http-call.ts';
import { CompleteCall } from './http1/complete-call.ts';
import { Http2Call } from './http2/http2-call.ts';
import { listen, type Listener } from './listen.ts';
import { Http1Call } from './node/http1-call.ts';
import { NodeHttp2Call } from './node/http2-call.ts';

const body = '{}';

function openListener(engine: 'own' | 'node', onCall: (call: HttpCall) => void): Promise<Listener> {
  return listen({
    address: { host: '127.0.0.1', port: 0 },
    tls: undefined,
    engine,
    handle: (call) => {
      onCall(call);
      const end = (): void => call.reply(202, { 'content-length': 2 }, 'ok');
      call.receive({ chunk: () => {}, end, cut: () => {} });
    },
    isFastPath: (url) => url === '/whole',
    setting: 'HEADGATE_LISTEN',
    idleTimeoutMs: 5_000,
    requestTimeoutMs: 5_000,
    connectionsMax: 10,
  });
}

/** Sends one plain request that our HTTP/1.1 reader would serve. */
function postHttp1(port: number, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    // "Connection: close" makes a request not plain.
    const headers = { 'content-length': body.length, connection: 'keep-alive' };
    const options = { host: '127.0.0.1', port, path, method: 'POST', headers, agent: false };
    const sent = http.request(options, (answer) =>
      answer.resume().on('end', () => resolve(answer.statusCode!)),
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

function postHttp2(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const session = http2.connect(`http://127.0.0.1:${port}`);
    session.on('error', reject);
    const stream = session.request({ ':method': 'POST', ':path': '/whole' });
    stream.on('response', (headers) => {
      stream.resume();
      session.close();
      resolve(headers[':status']!);
    });
    stream.end(body);
  });
}

test.each(['own', 'node'] as const)('engine %s says 100 to who asks for it', async (engine) => {
  const listener = await openListener(engine, () => {});
  const { port } = listener.address;
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const stream = session.request({ ':method': 'POST', expect: '100-continue' });
  const told = await new Promise((resolve) => {
    stream.once('continue', () => {
      stream.end(body);
      stream.once('response', (headers) => resolve(headers[':status']));
    });
  });
  expect(told).toBe(202);
  session.close();
  await listener.close(1000);
});

test.each([
  ['own', [CompleteCall, Http1Call, Http2Call]],
  ['node', [Http1Call, Http1Call, NodeHttp2Call]],
] as const)('engine %s reads every request by its own classes', async (engine, classes) => {
  const calls: HttpCall[] = [];
  const listener = await openListener(engine, (call) => calls.push(call));
  const { port } = listener.address;
  expect(await postHttp1(port, '/whole')).toBe(202);
  expect(await postHttp1(port, '/else')).toBe(202);
  expect(await postHttp2(port)).toBe(202);
  await listener.close(1000);
  expect(calls.map((call) => call.constructor)).toEqual(classes);
});
