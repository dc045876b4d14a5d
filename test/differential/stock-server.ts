import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import http2, { type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import net from 'node:net';

import type { ConnectRouter } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';

export interface StockServer {
  readonly port: number;
  close(): Promise<void>;
}

/** connect-node on Node's own servers: both versions of HTTP on one port, without TLS. */
export async function openStockServer(
  routes: (router: ConnectRouter) => void,
  readMaxBytes: number,
): Promise<StockServer> {
  const jsonOptions = { ignoreUnknownFields: false };
  const adapter = connectNodeAdapter({ routes, readMaxBytes, jsonOptions });
  const handle = (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
  ): void => {
    request.on('error', () => {});
    response.on('error', () => {});
    // As handle-request.ts does before it passes a request to the library.
    response.setHeader('x-correlation-id', request.headers['x-correlation-id'] ?? 'made-up');
    adapter(request as never, response as never);
  };
  const plain = http.createServer(handle);
  const multiplexed = http2.createServer(handle);
  const sockets = new Set<net.Socket>();
  const front = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
    socket.once('readable', () => {
      const start = socket.read() as Buffer | null;
      if (start === null) return;
      socket.unshift(start);
      const isHttp2 = start.toString('latin1', 0, 3) === 'PRI';
      (isHttp2 ? multiplexed : plain).emit('connection', socket);
    });
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  return {
    port: (front.address() as net.AddressInfo).port,
    close: async () => {
      const closed = new Promise((resolve) => front.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
