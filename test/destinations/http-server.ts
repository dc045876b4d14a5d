import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as the far side saw it. */
export interface ReceivedRequest {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export type Responder = (request: ReceivedRequest, response: ServerResponse) => void;

export interface RealHttpServer {
  readonly port: number;
  readonly received: ReceivedRequest[];
  /** How it answers from now on. */
  respond: Responder;
  listen(): Promise<void>;
  close(): Promise<void>;
}

/** A plain HTTP server on loopback that keeps what it got. */
export async function startHttpServer(respond: Responder): Promise<RealHttpServer> {
  let port = 0;
  let server: Server;
  const listen = async (): Promise<void> => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { url = '', headers } = request;
        const received = { url, headers, body: Buffer.concat(chunks) };
        httpServer.received.push(received);
        httpServer.respond(received, response);
      });
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  };
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  const httpServer: RealHttpServer = {
    get port() {
      return port;
    },
    received: [],
    respond,
    listen,
    close,
  };
  await listen();
  return httpServer;
}
