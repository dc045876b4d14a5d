import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { DestinationSettings } from '../../src/destinations/destination.ts';
import type { FarSide } from './conformance.ts';

export const webhookSecret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

/** A request as the far side saw it. */
export interface ReceivedWebhook {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export type Responder = (request: ReceivedWebhook, response: ServerResponse) => void;

export interface WebhookServer {
  readonly port: number;
  readonly received: ReceivedWebhook[];
  /** How it answers from now on. */
  respond: Responder;
  listen(): Promise<void>;
  close(): Promise<void>;
}

/** A plain HTTP server on loopback that keeps what it got. */
export async function startWebhookServer(respond: Responder): Promise<WebhookServer> {
  let port = 0;
  let server: Server;
  const listen = async (): Promise<void> => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { url = '', headers } = request;
        const received = { url, headers, body: Buffer.concat(chunks) };
        webhookServer.received.push(received);
        webhookServer.respond(received, response);
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
  const webhookServer: WebhookServer = {
    get port() {
      return port;
    },
    received: [],
    respond,
    listen,
    close,
  };
  await listen();
  return webhookServer;
}

export function webhookSettings(port: number, more: DestinationSettings = {}): DestinationSettings {
  return {
    url: `http://127.0.0.1:${port}/hooks?token=of-the-query`,
    secret: webhookSecret,
    secret_previous: null,
    timeout: 1000,
    allow_private_addresses: true,
    concurrency: 4,
    ...more,
  };
}

/** A receiver as the documentation asks for: verifies, and takes each webhook-id once. */
export async function startWebhookFarSide(): Promise<FarSide> {
  const bodyBytesMax = 64 * 1024;
  const counted = new Set<string>();
  const verifier = new Webhook(webhookSecret);
  const take: Responder = ({ headers, body }, response) => {
    if (body.length > bodyBytesMax) return void response.writeHead(413).end('too large');
    verifier.verify(body, headers as Record<string, string>);
    counted.add(String(headers['webhook-id']));
    return void response.writeHead(204).end();
  };
  const server = await startWebhookServer(take);
  return {
    settings: webhookSettings(server.port),
    counted: () => [...counted],
    goDown: () => server.close(),
    comeUp: () => server.listen(),
    stall() {
      server.respond = () => undefined;
    },
    unstall() {
      server.respond = take;
    },
    oversize: {
      propertyBytes: bodyBytesMax,
      outcome: { kind: 'retry', fault: 'event', status: '413' },
    },
    close: () => server.close(),
  };
}
