import net from 'node:net';

import {
  clientPreface,
  frameFlag,
  frameHeadBytes,
  frameType,
  initialFrameBytesMax,
  initialWindowBytes,
  readUint24,
  readUint31,
  settingId,
  writeFrameHead,
} from '../src/http/http2/frames.ts';

/*
 * The part of an HTTP/2 client (RFC 9113) that the generator needs. Node's own client uses more CPU
 * than the server that it would measure.
 */

export function frame(type: number, flags: number, stream: number, body: Buffer): Buffer {
  const bytes = Buffer.alloc(frameHeadBytes + body.length);
  bytes.set(body, writeFrameHead(bytes, 0, body.length, type, flags, stream));
  return bytes;
}

/** HPACK without the dynamic table: literals without indexing (RFC 7541 §6.2.2). */
export function headerBlock(path: string, contentType: string, writeKey?: string): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  return Buffer.concat([
    Buffer.from([0x83, 0x86]),
    Buffer.from([0x04]),
    text(path),
    Buffer.from([0x01]),
    text('127.0.0.1'),
    Buffer.from([0x0f, 0x10]),
    text(contentType),
    Buffer.from([0x00]),
    text('te'),
    text('trailers'),
    ...(writeKey === undefined ? [] : [Buffer.from([0x00]), text('x-write-key'), text(writeKey)]),
  ]);
}

/** The first bytes of a connection, with windows so large that answers never exhaust them. */
export const preface = ((): Buffer => {
  const window = Buffer.alloc(4);
  window.writeUInt32BE(0x7fff_0000 - initialWindowBytes);
  return Buffer.concat([
    clientPreface,
    // SETTINGS_INITIAL_WINDOW_SIZE: 16 MiB, and as much for the whole connection.
    frame(frameType.settings, 0, 0, Buffer.from([0, settingId.initialWindowSize, 1, 0, 0, 0])),
    frame(frameType.windowUpdate, 0, 0, window),
  ]);
})();

interface UploadRequest {
  readonly port: number;
  readonly path: string;
  readonly contentType: string;
  readonly writeKey?: string | undefined;
  /** `send()` sends its content at that time. */
  readonly body: Buffer;
}

/** Opens a connection for one request at a time. Bodies may be larger than the server's windows. */
export async function openUpload(
  request: UploadRequest,
  onAnswer: (hasData: boolean) => void,
): Promise<{ send(): void }> {
  const { body } = request;
  const socket = net.connect(request.port, '127.0.0.1');
  socket.setNoDelay(true);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  const head = frame(
    frameType.headers,
    frameFlag.endHeaders,
    1,
    headerBlock(request.path, request.contentType, request.writeKey),
  );
  const frames = Math.ceil(body.length / initialFrameBytesMax);
  const outgoing = Buffer.alloc(body.length + frames * frameHeadBytes);
  let stream = -1;
  let sent = body.length;
  let hasData = false;
  let isWriting = false;
  let initialStreamWindow = initialWindowBytes;
  let streamWindow = 0;
  let window = initialWindowBytes;

  const sendMore = (): void => {
    if (isWriting) return;
    let end = 0;
    while (sent < body.length) {
      const length = Math.min(initialFrameBytesMax, body.length - sent, streamWindow, window);
      if (length <= 0) break;
      const flags = sent + length === body.length ? frameFlag.endStream : 0;
      writeFrameHead(outgoing, end, length, frameType.data, flags, stream);
      body.copy(outgoing, end + frameHeadBytes, sent, sent + length);
      end += frameHeadBytes + length;
      sent += length;
      streamWindow -= length;
      window -= length;
      if (end + frameHeadBytes + initialFrameBytesMax > outgoing.length) break;
    }
    if (end === 0) return;
    // The buffer is reused: the rest waits until the kernel has these bytes.
    isWriting = true;
    socket.write(outgoing.subarray(0, end), () => {
      isWriting = false;
      sendMore();
    });
  };

  const receive = (type: number, flags: number, on: number, data: Buffer): void => {
    if (type === frameType.settings && (flags & frameFlag.ack) === 0) {
      for (let at = 0; at < data.length; at += 6) {
        if (data.readUInt16BE(at) !== settingId.initialWindowSize) continue;
        const size = data.readUInt32BE(at + 2);
        streamWindow += size - initialStreamWindow;
        initialStreamWindow = size;
      }
      socket.write(frame(frameType.settings, frameFlag.ack, 0, Buffer.alloc(0)));
    } else if (type === frameType.ping && (flags & frameFlag.ack) === 0) {
      socket.write(frame(frameType.ping, frameFlag.ack, 0, data));
    } else if (type === frameType.windowUpdate) {
      if (on === 0) window += data.readUInt32BE(0);
      else if (on === stream) streamWindow += data.readUInt32BE(0);
      else return;
      sendMore();
    } else if (type === frameType.goAway) {
      throw new Error('the server closed the connection');
    } else if (on === stream && (type === frameType.data || type === frameType.headers)) {
      if (type === frameType.data) hasData = true;
      if ((flags & frameFlag.endStream) !== 0) onAnswer(hasData);
    }
  };
  readFrames(socket, receive);
  socket.on('error', (error) => {
    throw error;
  });
  socket.write(preface);
  return {
    send: () => {
      stream += 2;
      head.writeUInt32BE(stream, 5);
      sent = 0;
      hasData = false;
      streamWindow = initialStreamWindow;
      socket.write(head);
      sendMore();
    },
  };
}

function readFrames(
  socket: net.Socket,
  onFrame: (type: number, flags: number, stream: number, body: Buffer) => void,
): void {
  let pending: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    const data = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    let at = 0;
    while (data.length - at >= frameHeadBytes) {
      const end = at + frameHeadBytes + readUint24(data, at);
      if (data.length < end) break;
      const stream = readUint31(data, at + 5);
      onFrame(data[at + 3]!, data[at + 4]!, stream, data.subarray(at + frameHeadBytes, end));
      at = end;
    }
    pending = data.subarray(at);
  });
}
