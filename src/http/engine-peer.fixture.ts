import net from 'node:net';

import type { RequestHandler } from './http-call.ts';
import { clientPreface, connectionFrame, frameFlag, frameType } from './http2/frames.ts';
import { Http2Call } from './http2/http2-call.ts';
import type { Http2Limits } from './http2/limits.ts';
import { createPeer, type RawPeer } from './http2/raw-peer.fixture.ts';
import { createHttp2Server } from './http2/server.ts';
import { createNodeHttp2Server } from './node/http2-server.ts';

/* The HTTP/2 server of either engine on its own port, for a peer that writes its own frames. */

export type EngineName = 'own' | 'node';

export interface EngineServer extends AsyncDisposable {
  readonly port: number;
  /** The errors that the application threw. */
  readonly faults: Error[];
  /** The number of connections that the server still has. */
  connections(): number;
  shutDown(): void;
  connect(): Promise<RawPeer>;
  /** Connects and exchanges SETTINGS. */
  greet(settings?: Buffer): Promise<RawPeer>;
}

export async function openEngineServer(
  engine: EngineName,
  handle: RequestHandler,
  limits: Partial<Http2Limits> = {},
  idleTimeoutMs = 60_000,
): Promise<EngineServer> {
  const faults: Error[] = [];
  const options = { limits, idleTimeoutMs, onFault: (error: Error) => void faults.push(error) };
  const server =
    engine === 'node'
      ? createNodeHttp2Server({ ...options, handle })
      : createHttp2Server({ ...options, onStream: (stream) => handle(new Http2Call(stream)) });
  const front = net.createServer((socket) => {
    socket.setNoDelay(true);
    socket.once('data', (start: Buffer) => server.accept(socket, start));
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  const { port } = front.address() as net.AddressInfo;
  const sockets: net.Socket[] = [];
  const connect = async (): Promise<RawPeer> => {
    const socket = net.connect(port, '127.0.0.1');
    sockets.push(socket);
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    socket.setNoDelay(true);
    return createPeer(socket);
  };
  return {
    port,
    faults,
    connections: () => server.connections,
    shutDown: server.shutDown,
    connect,
    greet: async (settings = Buffer.alloc(0)) => {
      const peer = await connect();
      peer.send(clientPreface, connectionFrame(frameType.settings, 0, settings));
      await peer.next(({ type, flags }) => type === frameType.settings && flags === frameFlag.ack);
      peer.send(connectionFrame(frameType.settings, frameFlag.ack, Buffer.alloc(0)));
      return peer;
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.destroy();
      await new Promise((resolve) => front.close(resolve));
    },
  };
}
