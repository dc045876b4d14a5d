import http from 'node:http';
import type { AddressInfo } from 'node:net';

import { describe, expect, onTestFinished, test } from 'vitest';

import { EventEncoder } from '../encode-event.ts';
import { keyOf } from '../event-json.ts';
import { openJsonTransport } from './json-transport.ts';
import { answerBytesMax, areInOrder, type Answer } from './transport.ts';

const encoder = new EventEncoder({ context: undefined, eventBytesMax: 10_000 });
const event = Buffer.from(encoder.encode({ eventName: 'order_completed', userId: 'u' }));
const page = '<html><h1>Request blocked</h1></html>';

/** The answer to `events` events of a server that answers every request like this. */
async function answerTo(
  events: number,
  status: number,
  body: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const web = http.createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(status, headers).end(body));
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
    [403, page],
    [404, page],
    [406, page],
    [400, '{"code":"invalid_argument","message":"maintenance"}'],
    [415, page],
    [410, page],
    [421, page],
    [400, '{"type":"about:blank","code":"malformed_request"}'],
  ])('HTTP %d with %j asks for smaller requests, and is no verdict', async (status, body) => {
    expect(await answerTo(3, status, body)).toEqual({
      kind: 'split',
      code: undefined,
      isOfEvent: [400, 413, 415, 422].includes(status),
      message: expect.stringMatching(`before the gate at http.* with HTTP ${status}\\b`),
    });
  });
});

test.each([
  [400, 'malformed_request'],
  [413, 'request_too_large'],
  [422, 'schema_violation'],
])('a refusal by the gate, HTTP %d, keeps the code', async (status, code) => {
  const type = `urn:headgate:error:${code}`;
  const body = JSON.stringify({ type, status, code, detail: 'This is why.' });
  expect(await answerTo(3, status, body)).toEqual({
    kind: 'split',
    code,
    isOfEvent: true,
    message: 'This is why.',
  });
});

test.each([301, 302, 307, 308])('a redirect with HTTP %d is not followed', async (status) => {
  const location = 'http://portal.example/login?token=secret';
  expect(await answerTo(1, status, '', { location })).toEqual({
    kind: 'split',
    code: undefined,
    isOfEvent: false,
    message: expect.stringMatching(/redirects to http:\/\/portal\.example\/login, which/),
  });
});

test('a rejected event without violations has an empty list of them', async () => {
  const error = { code: 'invalid_event', message: 'no' };
  const result = { event_id: 'id', status: 'rejected', error };
  expect(await answerTo(1, 200, JSON.stringify({ results: [result] }))).toEqual({
    kind: 'verdicts',
    verdicts: [{ status: 'rejected', eventId: 'id', error: { ...error, violations: [] } }],
    afterMs: 0,
  });
});

test.each([
  '{"results":[null]}',
  '{"results":[{"event_id":"id"}]}',
  '{"results":[{"status":7}]}',
  '{"results":[{"status":"rejected","error":{}}]}',
  '{"results":[{"status":"rejected","error":"no"}]}',
  '{"results":{"0":{"status":"accepted"}}}',
  '{"results":[]}',
  '{"results":[{"status":"accepted","idempotency_key":"0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a21"}]}',
  'null',
  '[]',
])('%s is not the answer of a gate', async (body) => {
  expect(await answerTo(1, 200, body)).toMatchObject({ kind: 'retry', reason: 'not_a_gate' });
});

test('the key of an event may come back in small letters, or not at all', async () => {
  const idempotencyKey = '0190B5F0-7C4E-7D60-9F0A-2F1D6C1F6A21';
  const record = Buffer.from(encoder.encode({ eventName: 'e', userId: 'u', idempotencyKey }));
  expect(keyOf(record)).toBe(idempotencyKey);
  expect(areInOrder([record], [idempotencyKey.toLowerCase()])).toBe(true);
  expect(areInOrder([record], [''])).toBe(true);
  expect(areInOrder([record], [undefined])).toBe(true);
  expect(areInOrder([record, event], [keyOf(event), idempotencyKey])).toBe(false);
});

test('an answer that never ends is not kept in memory, and its request is sent again', async () => {
  expect(await answerTo(1, 200, ' '.repeat(answerBytesMax + 1))).toEqual({
    kind: 'retry',
    reason: 'overloaded',
    message: expect.stringMatching(/^The answer of .* is larger than \d+ bytes$/),
    afterMs: 0,
  });
});

test('an answer of the largest size that is read is read', async () => {
  const body = `{"results":[{"status":"accepted"}]}`.padEnd(answerBytesMax);
  expect(await answerTo(1, 200, body)).toMatchObject({ kind: 'verdicts' });
});
