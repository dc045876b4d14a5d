import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';

import { StatusSchema } from '../../../gen/google/rpc/status_pb.ts';
import { ServiceError } from '../../errors.ts';
import type { BodySink } from '../../http/http-call.ts';
import type { GateContext } from '../gate-context.ts';
import type { Exchange } from '../exchange.ts';
import { createRpcEntry, type RpcForm } from './serve-rpc.ts';
import { rpcErrorOf, type RpcAnswer, type UnaryRpc } from './unary-rpc.ts';
import { failureOfError } from '../answer/failure.ts';

interface Sent {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
  readonly trailers: Record<string, string>;
}

const connect: RpcForm = { door: 'connect', codec: 'proto', contentType: 'application/proto' };
const grpc: RpcForm = { door: 'grpc', codec: 'proto', contentType: 'application/grpc' };
const grpcWeb: RpcForm = { door: 'grpc_web', codec: 'proto', contentType: 'application/grpc-web' };

const metadata = { headers: { 'x-head': 'a, b' }, trailers: { 'x-tail': 'c' } };
const details = [{ type: 'test.Detail', value: Buffer.from([1, 2, 3]) }];
const refusal = { code: 9, message: 'größer', details, metadata: { 'retry-after': '2' } };

const context = {
  authenticate: () => ({ source: 'test', maySend: () => true, isCanary: false }),
  bodies: {
    read: (call: Exchange['call'], onBody: (body: Buffer) => void) => readAll(call, onBody),
  },
  limits: { requestBytesMax: 1000, batchEventsMax: 10 },
  signals: { requestAnswered: () => {}, requestFailed: () => {} },
} as unknown as GateContext;

function readAll(call: Exchange['call'], onBody: (body: Buffer) => void): void {
  const sink: BodySink = { chunk: onBody, end: () => {}, cut: () => {} };
  call.receive(sink);
}

/** What a caller sees of an RPC that answers so. */
async function answerOf(
  form: RpcForm,
  answer: RpcAnswer,
  headers: Record<string, string> = {},
): Promise<Sent> {
  const seen = Promise.withResolvers<Sent>();
  const rpc: UnaryRpc<string, RpcAnswer> = {
    name: '_other',
    decode: (_codec, message) => message.toString(),
    run: (_context, request, caller, succeed, fail) => {
      if (request === 'fail') fail(new ServiceError('overloaded', 'full'));
      else if (request === 'timeout') {
        succeed({ message: Buffer.from(String(caller.timeoutMs)) });
      } else succeed(answer);
    },
    encode: (_codec, result) => result,
  };
  const message = Buffer.from(headers['x-message'] ?? 'ok');
  const frame = Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
  const call = {
    connection: {},
    headers,
    complete: true,
    answered: false,
    receive: (sink: BodySink) => sink.chunk(form === connect ? message : frame),
    reply: (status: number, sent: Record<string, string>, body: string | Buffer) =>
      seen.resolve({ status, headers: sent, body: Buffer.from(body as Buffer), trailers: {} }),
    replyWithTrailers: (
      sent: Record<string, string>,
      body: Buffer | undefined,
      trailers: Record<string, string>,
    ) => seen.resolve({ status: 200, headers: sent, body: body ?? Buffer.alloc(0), trailers }),
  };
  const exchange = { call, startedAt: 0, correlationId: 'c', traceparent: '', tracestate: '' };
  createRpcEntry(rpc).serve(context, exchange as unknown as Exchange, form);
  return seen.promise;
}

const good: RpcAnswer = { message: Buffer.from('hello'), ...metadata };
const statusOf = (sent: string): object => fromBinary(StatusSchema, Buffer.from(sent, 'base64'));
const wireDetail = { typeUrl: 'type.googleapis.com/test.Detail', value: Buffer.from([1, 2, 3]) };

describe('an answer', () => {
  test('of Connect has its trailers among the headers', async () => {
    const { status, headers, body } = await answerOf(connect, good);
    expect([status, body.toString()]).toEqual([200, 'hello']);
    expect(headers).toMatchObject({
      'content-type': 'application/proto',
      'x-head': 'a, b',
      'trailer-x-tail': 'c',
    });
  });

  test('of gRPC has its trailers with the status', async () => {
    const { headers, body, trailers } = await answerOf(grpc, good);
    expect(headers).toMatchObject({ 'content-type': 'application/grpc', 'x-head': 'a, b' });
    expect(body.subarray(5).toString()).toBe('hello');
    expect(trailers).toEqual({ 'grpc-status': '0', 'x-tail': 'c' });
  });

  test('of gRPC-Web has its metadata at the end of its body', async () => {
    const { headers, body } = await answerOf(grpcWeb, good);
    expect(headers).toMatchObject({ 'x-head': 'a, b' });
    expect(body.toString('latin1')).toContain('x-tail: c\r\n');
    expect(body.toString('latin1')).toContain('grpc-status: 0\r\n');
  });
});

describe('an error', () => {
  test('of Connect has the HTTP status of its code, and its metadata in the headers', async () => {
    const { status, headers, body } = await answerOf(connect, { error: refusal, ...metadata });
    expect(status).toBe(400);
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'x-head': 'a, b',
      'trailer-x-tail': 'c',
      'retry-after': '2',
    });
    expect(JSON.parse(body.toString())).toEqual({
      code: 'failed_precondition',
      message: 'größer',
      details: [{ type: 'test.Detail', value: 'AQID' }],
    });
  });

  test('of gRPC has its metadata in the trailers', async () => {
    const { headers, body, trailers } = await answerOf(grpc, { error: refusal, ...metadata });
    expect(headers['x-head']).toBe('a, b');
    expect(body).toHaveLength(0);
    expect(trailers).toMatchObject({
      'grpc-status': '9',
      'grpc-message': 'gr%C3%B6%C3%9Fer',
      'x-tail': 'c',
      'retry-after': '2',
    });
    const status = statusOf(trailers['grpc-status-details-bin']!);
    expect(status).toMatchObject({ code: 9, message: 'größer', details: [wireDetail] });
  });

  test('of the work itself is the one of the table of errors', async () => {
    const { code, message } = rpcErrorOf(failureOfError(new ServiceError('overloaded', 'full')));
    const { trailers } = await answerOf(grpc, good, { 'x-message': 'fail' });
    expect(trailers).toMatchObject({ 'grpc-status': String(code), 'grpc-message': message });
    const { status } = await answerOf(connect, good, { 'x-message': 'fail' });
    expect(status).toBe(503);
  });
});

test.each([
  ['Connect', connect, { 'connect-timeout-ms': '1500' }, '1500'],
  ['gRPC', grpc, { 'grpc-timeout': '2S' }, '2000'],
] as const)('the work knows how long a caller of %s waits', async (_name, form, headers, waits) => {
  const { body } = await answerOf(form, good, { ...headers, 'x-message': 'timeout' });
  expect(body.toString()).toContain(waits);
});
