import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';

import { describe, expect, onTestFinished, test } from 'vitest';

import { openRpcTransport } from './rpc-transport.ts';
import { answerBytesMax, type Answer } from './transport.ts';

test('a transport that is closed after a failed connection leaves no error to the program', async () => {
  const web = http.createServer((_request, response) => response.end());
  const sockets: Socket[] = [];
  web.on('connection', (socket: Socket) => void sockets.push(socket));
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
  const transport = openRpcTransport('grpc', { url, key: undefined, requestTimeoutMs: 5_000 });
  const answer = await transport.send([]);
  // The session emits its error later. Vitest fails a run with an uncaught error.
  transport.close();
  expect(answer).toMatchObject({ kind: 'retry', reason: 'unreachable' });
  await new Promise((resolve) => web.close(resolve));
  expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true]);
});

describe.each(['connect', 'grpc'] as const)('over %s', (protocol) => {
  /** The answer of a server that answers every request like this. */
  async function answerTo(
    status: number,
    headers: http.OutgoingHttpHeaders,
    body: string | Buffer,
  ): Promise<Answer> {
    const answer = (
      request: http.IncomingMessage | http2.Http2ServerRequest,
      response: http.ServerResponse | http2.Http2ServerResponse,
    ): void => {
      request.resume().on('end', () => {
        response.statusCode = status;
        for (const [name, value] of Object.entries(headers)) response.setHeader(name, value!);
        response.end(body);
      });
    };
    const web = protocol === 'grpc' ? http2.createServer(answer) : http.createServer(answer);
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
    const transport = openRpcTransport(protocol, { url, key: undefined, requestTimeoutMs: 5_000 });
    onTestFinished(() => {
      transport.close();
      web.close();
    });
    return transport.send([]);
  }

  test.each([400, 403, 404, 406, 413, 422, 307])('HTTP %d is no verdict', async (status) => {
    const headers = { 'content-type': 'text/html', location: 'http://portal.example/login' };
    expect(await answerTo(status, headers, '<h1>Blocked</h1>')).toEqual({
      kind: 'split',
      code: undefined,
      isOfEvent: [400, 413, 422].includes(status),
      message: expect.stringMatching(`before the gate at http.* with HTTP ${status}\\b`),
    });
  });

  test.each([
    [401, 'unauthorized'],
    [429, 'unreachable'],
    [502, 'unreachable'],
  ])('after HTTP %d the same request is sent again', async (status, reason) => {
    const answer = await answerTo(status, { 'content-type': 'text/html' }, '');
    expect(answer).toMatchObject({ kind: 'retry', reason });
  });

  test('an answer that never ends is not kept in memory, and its request is sent again', async () => {
    const type = protocol === 'grpc' ? 'application/grpc+proto' : 'application/proto';
    const body = Buffer.alloc(answerBytesMax + 6);
    // The head of a message of gRPC: its length.
    if (protocol === 'grpc') body.writeUInt32BE(answerBytesMax + 1, 1);
    expect(await answerTo(200, { 'content-type': type }, body)).toEqual({
      kind: 'retry',
      reason: 'overloaded',
      message: expect.stringMatching(/^The answer of .* is larger than \d+ bytes$/),
      afterMs: 0,
    });
  });

  test('the code of a server that is not a gate is no verdict', async () => {
    const isGrpc = protocol === 'grpc';
    const answer = await answerTo(
      isGrpc ? 200 : 400,
      isGrpc
        ? { 'content-type': 'application/grpc', 'grpc-status': '3', 'grpc-message': 'maintenance' }
        : { 'content-type': 'application/json' },
      isGrpc ? '' : '{"code":"invalid_argument","message":"maintenance"}',
    );
    expect(answer).toMatchObject({ kind: 'split', code: undefined });
  });
});
