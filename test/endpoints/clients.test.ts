import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { create, fromBinary, fromJson, type JsonValue } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import {
  compressionBrotli,
  compressionGzip,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { status as grpcStatus } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from '../../gen/google/rpc/error_details_pb.ts';
import { StatusSchema } from '../../gen/google/rpc/status_pb.ts';
import { EventSchema, type Event } from '../../gen/headgate/v1/event_pb.ts';
import { EventResult_Status } from '../../gen/headgate/v1/event_result_pb.ts';
import { BatchTrackRequestSchema, TrackService } from '../../gen/headgate/v1/track_service_pb.ts';
import { readDetails } from './answer.ts';
import { call, createTrackClient, looseEvent } from './grpc-client.ts';
import { openGate, type OpenGate } from './open-gate.ts';
import { order, type Sample } from './sample-events.ts';

/*
 * How the clients that producers use understand the answers.
 */

const run = promisify(execFile);
let gate: OpenGate;

beforeAll(async () => {
  gate = await openGate({ env: { HEADGATE_LIMITS_REQUEST_BYTES_MAX: '64KiB' } });
});

afterAll(async () => {
  await gate[Symbol.asyncDispose]();
});

const eventOf = (sample: Sample): Event => fromJson(EventSchema, sample as JsonValue);
const broken = (): Sample => order({ properties: { order_id: 'A', total: -1, currency: 'EUR' } });
const huge = (): Sample => order({ context: { pad: 'x'.repeat(70_000) } });

describe('connect-node', () => {
  const makers = {
    connect: createConnectTransport,
    grpc: createGrpcTransport,
    'grpc-web': createGrpcWebTransport,
  };
  const forms = (['connect', 'grpc', 'grpc-web'] as const).flatMap((protocol) =>
    (protocol === 'grpc' ? (['2'] as const) : (['1.1', '2'] as const)).flatMap((httpVersion) =>
      [true, false].flatMap((useBinaryFormat) =>
        ['identity', 'gzip', 'br'].map((compression) => ({
          name: `${protocol} ${useBinaryFormat ? 'binary' : 'JSON'} HTTP/${httpVersion} ${compression}`,
          protocol,
          httpVersion,
          useBinaryFormat,
          compression,
        })),
      ),
    ),
  );

  test.for(forms)('$name', async (form) => {
    const { protocol, httpVersion, useBinaryFormat, compression } = form;
    const transport: Transport = makers[protocol]({
      baseUrl: gate.url,
      httpVersion: httpVersion as '2',
      useBinaryFormat,
      sendCompression:
        compression === 'gzip'
          ? compressionGzip
          : compression === 'br'
            ? compressionBrotli
            : (null as never),
      compressMinBytes: 1,
    });
    const client = createClient(TrackService, transport);
    let header: Headers | undefined;
    const options = {
      headers: { 'x-correlation-id': 'c-1' },
      onHeader: (each: Headers) => (header = each),
    };

    const { result } = await client.track({ event: eventOf(order()) }, options);
    expect(result!.status).toBe(EventResult_Status.ACCEPTED);
    expect(header!.get('x-correlation-id')).toBe('c-1');

    const repeated = order();
    const batch = create(BatchTrackRequestSchema, {
      events: [repeated, broken(), repeated].map(eventOf),
      context: { page: '/' },
    });
    const { results } = await client.batchTrack(batch);
    const { ACCEPTED, REJECTED, DUPLICATE } = EventResult_Status;
    expect(results.map(({ status }) => status)).toEqual([ACCEPTED, REJECTED, DUPLICATE]);
    expect(results[1]!.error!.violations[0]!.path).toBe('/properties/total');

    const error = await client
      .track({ event: eventOf(broken()) }, options)
      .catch((each: unknown) => each);
    expect(error).toBeInstanceOf(ConnectError);
    const failure = error as ConnectError;
    expect(failure.code).toBe(Code.InvalidArgument);
    expect(failure.metadata.get('x-correlation-id')).toBe('c-1');
    expect(failure.findDetails(ErrorInfoSchema)).toMatchObject([
      { reason: 'schema_violation', domain: 'headgate' },
    ]);
    const [bad] = failure.findDetails(BadRequestSchema);
    expect(bad!.fieldViolations).toMatchObject([{ field: '/properties/total', reason: 'minimum' }]);
    expect(failure.findDetails(RetryInfoSchema)).toEqual([]);

    // connect-node frames JSON over gRPC and gRPC-Web, and words this error.
    const large = await client.track({ event: eventOf(huge()) }).catch((each: unknown) => each);
    expect((large as ConnectError).code).toBe(Code.ResourceExhausted);
  });
});

describe('grpc-js', () => {
  test.for([
    ['plain', {}],
    ['deflate', { 'grpc.default_compression_algorithm': 1 }],
    ['gzip', { 'grpc.default_compression_algorithm': 2 }],
  ] as const)('%s', async ([, options]) => {
    const client = createTrackClient(gate.port, undefined, options);
    try {
      const headers = { 'x-correlation-id': 'c-2' };
      const taken = await call(client, 'Track', { event: looseEvent(order()) }, headers);
      expect(taken.error).toBeNull();
      expect(taken.response).toMatchObject({ result: { status: 'ACCEPTED', schema_version: 2 } });
      expect(taken.headers!.get('x-correlation-id')).toEqual(['c-2']);

      const events = [order(), broken(), order()].map(looseEvent);
      const { response } = await call(client, 'BatchTrack', { events });
      const { results } = response as unknown as { results: { status: string }[] };
      expect(results.map(({ status }) => status)).toEqual(['ACCEPTED', 'REJECTED', 'ACCEPTED']);

      const refused = await call(client, 'Track', { event: looseEvent(broken()) });
      expect(refused.error!.code).toBe(grpcStatus.INVALID_ARGUMENT);
      expect(refused.error!.details).toMatch(/properties break version 2 of order_completed/);
      const [binary] = refused.error!.metadata.get('grpc-status-details-bin') as Buffer[];
      const { details } = fromBinary(StatusSchema, binary!);
      const read = readDetails(
        details.map(({ typeUrl, value }) => ({ type: typeUrl.split('/')[1]!, value })),
      );
      expect(read.code).toBe('schema_violation');
      expect(read.violations[0]!.path).toBe('/properties/total');

      const late = await call(client, 'Track', { event: looseEvent(order()) }, {}, 0);
      expect(late.error!.code).toBe(grpcStatus.DEADLINE_EXCEEDED);
      const large = await call(client, 'Track', { event: looseEvent(huge()) });
      expect(large.error!.code).toBe(grpcStatus.RESOURCE_EXHAUSTED);
      const none = await call(client, 'BatchTrack', { events: [] });
      expect(none.error!.code).toBe(grpcStatus.INVALID_ARGUMENT);
    } finally {
      client.close();
    }
  });

  test('the longest list of violations fits the header limits of clients', async () => {
    const client = createTrackClient(gate.port);
    const name = (index: number): string => `${'p'.repeat(60)}${index}`;
    const properties = Object.fromEntries(
      Array.from({ length: 40 }, (_each, index) => [name(index), 1]),
    );
    const { error } = await call(client, 'Track', { event: looseEvent(order({ properties })) });
    client.close();
    const [binary] = error!.metadata.get('grpc-status-details-bin') as Buffer[];
    const { details } = fromBinary(StatusSchema, binary!);
    const bad = details.find(({ typeUrl }) => typeUrl.endsWith('BadRequest'))!;
    expect(fromBinary(BadRequestSchema, bad.value).fieldViolations.length).toBe(20);
    // grpc-java accepts 8 KiB of trailers by default.
    const bytes = error!.metadata.toHttp2Headers();
    expect(JSON.stringify(bytes).length).toBeLessThan(8 * 1024);
  });
});

describe('curl', () => {
  const curl = async (args: readonly string[]) => {
    const { stdout } = await run('curl', ['-sS', '-i', '--max-time', '10', ...args]);
    const [head, ...body] = stdout.replaceAll('\r', '').split('\n\n');
    return { head: head!, body: body.join('\n\n') };
  };
  const json = ['-H', 'content-type: application/json'];

  test.for([['--http1.1'], ['--http2-prior-knowledge']])('REST by %s', async ([version]) => {
    const one = await curl([
      version!,
      ...json,
      '-d',
      JSON.stringify(order()),
      `${gate.url}/v1/track`,
    ]);
    expect(one.head).toMatch(/^HTTP\/(1\.1|2) 202/);
    expect(JSON.parse(one.body)).toMatchObject({ status: 'accepted' });
    const batch = JSON.stringify({ events: [order(), broken()] });
    const many = await curl([version!, ...json, '-d', batch, `${gate.url}/v1/batch`]);
    expect(many.head).toMatch(/^HTTP\/(1\.1|2) 207/);
    const { results } = JSON.parse(many.body) as { results: { status: string }[] };
    expect(results.map(({ status }) => status)).toEqual(['accepted', 'rejected']);
    const large = await curl([
      version!,
      ...json,
      '-d',
      JSON.stringify(huge()),
      `${gate.url}/v1/track`,
    ]);
    expect(large.head).toMatch(/^HTTP\/(1\.1|2) 413/);
    expect(JSON.parse(large.body)).toMatchObject({ code: 'request_too_large' });
    const got = await curl([version!, `${gate.url}/v1/track`]);
    expect(got.head).toMatch(/ 405/);
    expect(got.head).toMatch(/allow: POST/i);
  });

  test('Connect by curl, and an upgrade to h2c that the gate ignores', async () => {
    const body = JSON.stringify({ event: order() });
    const url = `${gate.url}/headgate.v1.TrackService/Track`;
    const one = await curl(['--http2', ...json, '-d', body, url]);
    expect(one.head).toMatch(/^HTTP\/1\.1 200/);
    expect(JSON.parse(one.body)).toMatchObject({ result: { status: 'ACCEPTED' } });
  });
});

test('fetch: many requests on few connections, each with its own answer', async () => {
  const events = Array.from({ length: 200 }, () => order());
  const answers = await Promise.all(
    events.map(async (event, index) => {
      const response = await fetch(`${gate.url}/v1/track`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-correlation-id': `c-${index}` },
        body: JSON.stringify(event),
      });
      expect(response.headers.get('x-correlation-id')).toBe(`c-${index}`);
      return (await response.json()) as { idempotency_key: string; sequence: number };
    }),
  );
  expect(answers.map((answer) => answer.idempotency_key)).toEqual(
    events.map((event) => event['idempotency_key']),
  );
  expect(new Set(answers.map(({ sequence }) => sequence)).size).toBe(events.length);
});
