import net from 'node:net';

import type { HttpCall, RequestHandler } from './http-call.ts';
import { clientPreface, connectionFrame, frameFlag, frameType } from './http2/frames.ts';
import { Http2Call } from './http2/http2-call.ts';
import type { Http2Limits } from './http2/limits.ts';
import { codeOf, createPeer, frameOf, type RawPeer } from './http2/raw-peer.fixture.ts';
import { createHttp2Server } from './http2/server.ts';
import { createNodeHttp2Server } from './node/http2-server.ts';

/* The HTTP/2 server of either engine on its own port, for a peer that writes its own frames. */

export type EngineName = 'own' | 'node';

export const engines: readonly EngineName[] = ['own', 'node'];

/** Answers without waiting for the body. */
export function answerAtOnce(call: HttpCall): void {
  call.receive({ chunk: () => {}, end: () => {}, cut: () => {} });
  call.reply(200, {}, 'ok');
}

/**
 * Sends the groups of frames one by one, each once the server has seen the last. Returns the code of GOAWAY
 * with which the server ends it; undefined: it bore them all. What is sent to a closed connection would make
 * the system drop the GOAWAY.
 */
export async function pour(
  peer: RawPeer,
  groups: readonly (readonly Buffer[])[],
): Promise<number | undefined> {
  const { ping, goAway } = frameType;
  for (const group of groups) {
    peer.send(...group, frameOf(ping, 0, 0, Buffer.alloc(8)));
    const frame = await peer.next(({ type }) => type === ping || type === goAway);
    if (frame.type !== goAway) continue;
    await peer.closed();
    return codeOf(frame);
  }
  return undefined;
}

/** As many groups as asked for, each for a stream of its own, from stream `first` on. */
export function forStreams(
  first: number,
  count: number,
  group: (streamId: number) => readonly Buffer[],
): (readonly Buffer[])[] {
  return Array.from({ length: count }, (_, index) => group(first + 2 * index));
}

/** The code of GOAWAY with which the server ends the connection, once it has. */
export async function endCode(peer: RawPeer): Promise<number> {
  const code = codeOf(await peer.nextOf(frameType.goAway));
  await peer.closed();
  return code;
}

export interface EngineServer extends AsyncDisposable {
  readonly port: number;
  /** The errors that the application threw. */
  readonly faults: Error[];
  /** The number of connections that the server still has. */
  connections(): number;
  shutDown(): void;
  connect(): Promise<RawPeer>;
  /** Connects and exchanges SETTINGS. */
  handshake(settings?: Buffer): Promise<RawPeer>;
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
    handshake: async (settings = Buffer.alloc(0)) => {
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
