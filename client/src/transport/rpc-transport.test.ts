import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

import { expect, test } from 'vitest';

import { openRpcTransport } from './rpc-transport.ts';

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
