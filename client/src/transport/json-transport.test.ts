import http from 'node:http';
import type { AddressInfo } from 'node:net';

import { describe, expect, onTestFinished, test } from 'vitest';

import { EventEncoder } from '../encode-event.ts';
import { openJsonTransport } from './json-transport.ts';
import type { Answer } from './transport.ts';

const encoder = new EventEncoder({ context: undefined, eventBytesMax: 10_000 });
const event = Buffer.from(encoder.encode({ eventName: 'order_completed', userId: 'u' }));
const page = '<html><h1>Request blocked</h1></html>';

/** The answer to `events` events of a server that answers every request like this. */
async function answerTo(events: number, status: number, body: string): Promise<Answer> {
  const web = http.createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(status).end(body));
  });
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
  const transport = openJsonTransport({ url, key: undefined, requestTimeoutMs: 5_000 });
  onTestFinished(() => {
    transport.close();
    web.closeAllConnections();
    web.close();
  });
  return transport.send(Array.from({ length: events }, () => event));
}

describe('a refusal by a server before the gate', () => {
  test.each([
    [400, page],
    [422, page],
    [400, ''],
    [400, '{"code":400,"message":"blocked"}'],
    [400, '{"code":"BadRequest"}'],
    [422, '{"detail":[{"msg":"blocked"}]}'],
    [413, page],
  ])('HTTP %d with %j asks for smaller requests, and is no verdict', async (status, body) => {
    expect(await answerTo(3, status, body)).toEqual({
      kind: 'split',
      code: undefined,
      message: expect.stringMatching(`before the gate at http.* with HTTP ${status}\\b`),
    });
  });
});

test.each([
  [400, 'malformed_request'],
  [413, 'request_too_large'],
  [422, 'schema_violation'],
])('a refusal by the gate, HTTP %d, keeps the code', async (status, code) => {
  const body = JSON.stringify({ status, code, detail: 'This is why.' });
  expect(await answerTo(3, status, body)).toEqual({ kind: 'split', code, message: 'This is why.' });
});
