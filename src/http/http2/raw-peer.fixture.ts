import net from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';

import {
  clientPreface,
  connectionFrame,
  frameFlag,
  frameHeadBytes,
  frameType,
  readUint24,
  readUint31,
  writeFrameHead,
} from './frames.ts';
import type { CallerConnection } from '../http-call.ts';
import { HpackDecoder } from './headers/hpack-decode.ts';
import type { Http2Limits } from './limits.ts';
import { createHttp2Server, type Http2Server } from './server.ts';
import type { Http2Stream } from './stream.ts';

/* A server on its own port, and a peer that sends raw bytes and records frames. */

export interface SeenFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

export interface RawPeer {
  readonly socket: net.Socket;
  readonly seen: readonly SeenFrame[];
  send(...frames: Buffer[]): void;
  /**
   * Resolves with the next frame that matches, from where the last call stopped. Throws if the
   * connection ends first.
   */
  next(fits: (frame: SeenFrame) => boolean): Promise<SeenFrame>;
  nextOf(type: number, streamId?: number): Promise<SeenFrame>;
  /** Resolves with everything received until the server ends the connection. */
  closed(): Promise<readonly SeenFrame[]>;
}

export interface RawServer extends AsyncDisposable {
  readonly server: Http2Server;
  readonly port: number;
  readonly faults: Error[];
  /** The ids of the streams that the application received. */
  readonly asked: readonly number[];
  connect(): Promise<RawPeer>;
  /** Connects and exchanges SETTINGS. */
  handshake(settings?: Buffer): Promise<RawPeer>;
  /**
   * Resolves once the server has read every byte that the peer has sent. The bytes are then
   * handled, unless the server has paused.
   */
  hasRead(peer: RawPeer): Promise<void>;
  /**
   * Resolves once the server has bytes for the peer that do not fit into the sockets between them.
   */
  isBlocked(peer: RawPeer): Promise<void>;
}

export async function openRawServer(
  onStream: (stream: Http2Stream) => void,
  limits: Partial<Http2Limits> = {},
  idleTimeoutMs = 60_000,
): Promise<RawServer> {
  const faults: Error[] = [];
  const asked: number[] = [];
  const server = createHttp2Server({
    onStream: (stream) => {
      asked.push(stream.id);
      onStream(stream);
    },
    limits,
    idleTimeoutMs,
    onFault: (error) => faults.push(error),
  });
  const accepted = new Map<number | undefined, net.Socket>();
  const front = net.createServer((socket) => {
    socket.setNoDelay(true);
    // Otherwise, on a busy machine, what was read may wait for its turn.
    (socket as CallerConnection).isKnown = true;
    accepted.set(socket.remotePort, socket);
    server.accept(socket);
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  const { port } = front.address() as net.AddressInfo;
  const peers: net.Socket[] = [];
  const connect = async (): Promise<RawPeer> => {
    const socket = net.connect(port, '127.0.0.1');
    peers.push(socket);
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    socket.setNoDelay(true);
    return createPeer(socket);
  };
  return {
    server,
    port,
    faults,
    asked,
    connect,
    handshake: async (settings = Buffer.alloc(0)) => {
      const peer = await connect();
      peer.send(clientPreface, connectionFrame(frameType.settings, 0, settings));
      await peer.next(({ type, flags }) => type === frameType.settings && flags === frameFlag.ack);
      peer.send(connectionFrame(frameType.settings, frameFlag.ack, Buffer.alloc(0)));
      return peer;
    },
    hasRead: async ({ socket }) => {
      while (accepted.get(socket.localPort)?.bytesRead !== socket.bytesWritten) await nextTurn();
    },
    isBlocked: async ({ socket }) => {
      // A few bytes are there for short moments while the peer still reads.
      for (let turns = 0; turns < 100; turns += 1) {
        if ((accepted.get(socket.localPort)?.writableLength ?? 0) === 0) turns = 0;
        await nextTurn();
      }
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of peers) socket.destroy();
      server.destroy();
      await new Promise((resolve) => front.close(resolve));
    },
  };
}

/** Records the frames that arrive on a connected socket. */
export function createPeer(socket: net.Socket): RawPeer {
  const seen: SeenFrame[] = [];
  let pending = Buffer.alloc(0);
  let looked = 0;
  let isClosed = false;
  let wake: () => void = () => {};
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= frameHeadBytes) {
      const end = frameHeadBytes + readUint24(pending, 0);
      if (pending.length < end) break;
      const payload = pending.subarray(frameHeadBytes, end);
      seen.push({
        type: pending[3]!,
        flags: pending[4]!,
        streamId: readUint31(pending, 5),
        payload,
      });
      pending = pending.subarray(end);
    }
    wake();
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    isClosed = true;
    wake();
  });
  const changed = (): Promise<void> => new Promise((resolve) => (wake = resolve));
  const next: RawPeer['next'] = async (fits) => {
    for (;;) {
      for (; looked < seen.length; looked += 1) {
        if (!fits(seen[looked]!)) continue;
        looked += 1;
        return seen[looked - 1]!;
      }
      if (isClosed) throw new Error('the connection is closed');
      await changed();
    }
  };
  return {
    socket,
    seen,
    send: (...frames) => socket.write(Buffer.concat(frames)),
    next,
    nextOf: (type, streamId) =>
      next(
        (frame) => frame.type === type && (streamId === undefined || frame.streamId === streamId),
      ),
    closed: async () => {
      while (!isClosed) await changed();
      return seen;
    },
  };
}

export function frameOf(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array,
): Buffer {
  const frame = Buffer.alloc(frameHeadBytes + payload.length);
  frame.set(payload, writeFrameHead(frame, 0, payload.length, type, flags, streamId));
  return frame;
}

/** Literals without indexing (RFC 7541 §6.2.2). Their lengths must fit into seven bits. */
export function block(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value, 'latin1');
    const length =
      bytes.length < 127
        ? [bytes.length]
        : [
            127,
            ((bytes.length - 127) & 127) | 128,
            (((bytes.length - 127) >> 7) & 127) | 128,
            (bytes.length - 127) >> 14,
          ];
    return Buffer.concat([Buffer.from(length), bytes]);
  };
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]),
  );
}

export const requestFields = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'x'],
] as const;

/** The HEADERS frame of a request. Flags: END_HEADERS, and END_STREAM if the request ends there. */
export function request(
  streamId: number,
  isEnd: boolean,
  fields: readonly (readonly [name: string, value: string])[] = requestFields,
): Buffer {
  const flags = frameFlag.endHeaders | (isEnd ? frameFlag.endStream : 0);
  return frameOf(frameType.headers, flags, streamId, block(fields));
}

export function data(streamId: number, bytes: Uint8Array | string, isEnd = false): Buffer {
  return frameOf(
    frameType.data,
    isEnd ? frameFlag.endStream : 0,
    streamId,
    Buffer.from(bytes as string),
  );
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function setting(id: number, value: number): Buffer {
  return Buffer.concat([Buffer.from([0, id]), uint32(value)]);
}

const pingBytes = 8;

/** The error code of RST_STREAM or GOAWAY. */
export function codeOf(frame: SeenFrame): number {
  return frame.payload.readUInt32BE(frame.type === frameType.goAway ? 4 : 0);
}

/** The fields of a whole header block. */
export function fieldsOf(frame: SeenFrame, decoder = new HpackDecoder()): Record<string, string> {
  const fields: Record<string, string> = {};
  decoder.decode(frame.payload, 0, frame.payload.length, {
    add: ({ name, value }) => (fields[name.text] = value),
  });
  return fields;
}

/** Answers with the method, the length of the body and the trailers that it received. */
export function echo(stream: Http2Stream): void {
  let size = 0;
  stream.receive({
    chunk: (bytes) => (size += bytes.length),
    end: () => {
      stream.respond(200, { 'content-type': 'text/plain', 'x-size': size });
      stream.end(
        Buffer.from(
          `${stream.headers[':method']} ${size} ${JSON.stringify(stream.trailers ?? {})}`,
        ),
      );
    },
    cut: () => {},
  });
}

/** The body of an answer that arrives in one frame. */
export async function bodyOf(peer: RawPeer, streamId: number): Promise<string> {
  await peer.nextOf(frameType.headers, streamId);
  return (await peer.nextOf(frameType.data, streamId)).payload.toString();
}

/**
 * Resolves once everything sent so far has been read, and the output that it permitted was sent.
 */
export async function settled(peer: RawPeer): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) {
    peer.send(frameOf(frameType.ping, 0, 0, Buffer.alloc(pingBytes)));
    await peer.nextOf(frameType.ping);
  }
}
