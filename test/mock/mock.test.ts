import { randomUUID } from 'node:crypto';
import { once } from 'node:events';

import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { createHeadgateClient } from '../../client/src/index.ts';
import { EventResult_Status } from '../../gen/headgate/v1/event_result_pb.ts';
import { TrackService } from '../../gen/headgate/v1/track_service_pb.ts';
import type { MockGate } from '../../src/mock/mock-gate.ts';
import { startMock } from '../../src/service/mock/start-mock.ts';
import { spawnCli } from '../cli/run-cli.ts';
import { startRealService, type RealService } from '../real-service.ts';

let mock: MockGate;
let real: RealService;

beforeAll(async () => {
  mock = await startMock();
  real = await startRealService();
});

afterAll(async () => {
  await mock?.close();
  await real?.[Symbol.asyncDispose]();
});

const properties = { order_id: 'A-1', total: 49.9, currency: 'EUR' };

function order(changes: object = {}): Record<string, unknown> {
  const idempotency_key = randomUUID();
  return { event_name: 'order_completed', user_id: 'u-1', idempotency_key, properties, ...changes };
}

type Headers = Readonly<Record<string, string>>;

function post(url: string, path: string, body: unknown, headers: Headers = {}): Promise<Response> {
  return fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

interface Told {
  readonly events: readonly {
    readonly event: Record<string, unknown>;
    readonly code?: string;
    readonly violations?: readonly { readonly path: string }[];
    readonly duplicates?: number;
  }[];
  readonly forgotten: number;
}

async function told(path: string): Promise<Told> {
  const response = await fetch(mock.url + path);
  expect(response.status).toBe(200);
  return (await response.json()) as Told;
}

/** An answer without what differs from one gate, or one moment, to another. */
async function comparable(response: Response): Promise<unknown> {
  const text = (await response.text())
    .replaceAll(/"timestamp":"[^"]*"/g, '"timestamp":""')
    .replaceAll(/"sequence":\d+/g, '"sequence":0')
    .replaceAll(/"correlation_?[iI]d":"[^"]*"/g, '"correlation_id":""');
  return [response.status, response.headers.get('content-type'), text];
}

const key = randomUUID();
const segment = { userId: 'u-1', event: 'Order Completed', properties, messageId: randomUUID() };

describe('the mock answers as a real gate does', () => {
  it.each([
    ['a good event', '/v1/track', order({ idempotency_key: key })],
    ['the same again', '/v1/track', order({ idempotency_key: key })],
    ['the key with other properties', '/v1/track', order({ idempotency_key: key, user_id: 'u-2' })],
    ['a missing property', '/v1/track', order({ properties: { order_id: 'A' } })],
    ['an unplanned event', '/v1/track', order({ event_name: 'order_exploded' })],
    ['no JSON', '/v1/track', '{"event'],
    ['a batch', '/v1/batch', { events: [order(), order({ properties: {} }), { event_name: 7 }] }],
    ['a validation', '/v1/validate', { events: [order()] }],
    ['a large event', '/v1/track', order({ context: { text: 'x'.repeat(400_000) } })],
    ['Segment', '/v1/segment/v1/batch', { batch: [{ type: 'track', ...segment }] }],
    ['another path', '/v2/track', order()],
  ])('%s', async (_name, path, body) => {
    const wanted = await comparable(await post(real.url, path, body));
    expect(await comparable(await post(mock.url, path, body))).toEqual(wanted);
  });
});

describe('a test asks', () => {
  beforeEach(() => mock.reset());

  it('for the good and the bad events of its requests, by the header', async () => {
    const [mine, other] = [randomUUID(), randomUUID()];
    const good = order();
    const events = [good, order({ properties: { ...properties, total: 'much' } })];
    await post(mock.url, '/v1/batch', { events }, { 'x-headgate-test-id': mine });
    await post(mock.url, '/v1/track', good, { 'x-headgate-test-id': mine });
    await post(mock.url, '/v1/track', order(), { 'x-headgate-test-id': other });
    const goodOnes = await told(`/mock/good?test_id=${mine}`);
    expect(goodOnes).toMatchObject({
      events: [{ event: { ...good, schema_version: 2, source: 'default' }, duplicates: 1 }],
      forgotten: 0,
    });
    const badOnes = await told(`/mock/bad?test_id=${mine}`);
    expect(badOnes.events).toMatchObject([
      { event: events[1], code: 'schema_violation', violations: [{ path: '/properties/total' }] },
    ]);
    expect((await told('/mock/good')).events).toHaveLength(2);
    expect((await fetch(`${mock.url}/mock/good?test_id=`)).status).toBe(400);
    expect((await fetch(`${mock.url}/mock/reset?test_id=`, { method: 'POST' })).status).toBe(400);
    await fetch(`${mock.url}/mock/reset?test_id=${mine}`, { method: 'POST' });
    expect([await told('/mock/good'), await told('/mock/bad')]).toMatchObject([
      { events: [{}] },
      { events: [] },
    ]);
  });

  it('by the context of its events, over gRPC and from our own client', async () => {
    const client = createHeadgateClient({ url: mock.url, spool: { memory: true }, key: 'any' });
    await client.track({
      eventName: 'order_completed',
      userId: 'u-1',
      properties,
      context: { test_id: 'by-client' },
    });
    await client.close();
    expect(mock.good('by-client')).toHaveLength(1);
    const grpc = createClient(TrackService, createGrpcTransport({ baseUrl: mock.url }));
    const event = {
      eventName: 'order_completed',
      userId: 'u-1',
      idempotencyKey: randomUUID(),
      propertiesJson: JSON.stringify(properties),
    };
    const headers = { 'x-headgate-test-id': 'by-grpc' };
    const { result } = await grpc.track({ event }, { headers });
    expect(result?.status).toBe(EventResult_Status.ACCEPTED);
    const bad = { ...event, idempotencyKey: randomUUID(), propertiesJson: '{}' };
    await expect(grpc.track({ event: bad }, { headers })).rejects.toThrow('order_completed');
    expect([mock.good('by-grpc').length, mock.bad('by-grpc')]).toMatchObject([
      1,
      [{ event: { event_name: 'order_completed', properties: {} }, code: 'schema_violation' }],
    ]);
  });

  it('of vendors too, and two tests may share a correlation id', async () => {
    const send = (testId: string): Promise<Response> =>
      post(
        mock.url,
        '/v1/segment/v1/batch',
        { batch: [{ type: 'track', ...segment, messageId: randomUUID() }] },
        { 'x-headgate-test-id': testId, 'x-correlation-id': 'same' },
      );
    await Promise.all(['a', 'b', 'c', 'a'].map(send));
    expect(['a', 'b', 'c'].map((id) => mock.good(id).length)).toEqual([2, 1, 1]);
  });
});

describe('the pages of the mock', () => {
  it.each([
    ['POST', '/mock/good', {}, 405],
    ['GET', '/mock/reset', {}, 405],
    ['GET', '/mock/other', {}, 404],
    ['POST', '/mock/reset', { 'sec-fetch-site': 'cross-site' }, 403],
  ])('refuse %s %s %o', async (method, path, headers, status) => {
    expect((await fetch(mock.url + path, { method, headers })).status).toBe(status);
  });
});

it('does not start without contracts: every test would pass', async () => {
  await expect(startMock({ schemasDir: '/nowhere/schemas' })).rejects.toThrow('/nowhere/schemas');
});

describe('headgate mock', () => {
  it('prints its address, serves, and ends at a signal', async () => {
    const child = spawnCli(['mock', '--listen', '127.0.0.1:0']);
    const [line] = (await once(child.stdout!.setEncoding('utf8'), 'data')) as [string];
    const url = /^Headgate mock takes events on (http:\/\/127\.0\.0\.1:\d+)\n$/.exec(line)![1]!;
    expect(await (await post(url, '/v1/track', order())).json()).toMatchObject({
      status: 'accepted',
    });
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('says what is wrong with its address', async () => {
    const child = spawnCli(['mock', '--listen', 'nowhere']);
    const [text] = (await once(child.stderr!.setEncoding('utf8'), 'data')) as [string];
    expect(text).toBe('headgate: --listen nowhere: write host:port.\n');
    expect(await once(child, 'exit')).toEqual([1, null]);
  });
});
