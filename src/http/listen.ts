import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';

import type { Address } from '../config/config.ts';
import { StartError } from '../errors.ts';
import { createHttp2Server, type Http2Server } from './http2/server.ts';
import type { HttpCall } from './http-call.ts';
import { Http1Call } from './node/http1-call.ts';
import { createHttp1Reader, handOver, type Http1Reader, type ServesWhole } from './http1/reader.ts';
import { Http2Call } from './http2/http2-call.ts';

export type RequestHandler = (call: HttpCall) => void;

export interface ListenOptions {
  readonly address: Address;
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly handle: RequestHandler;
  /** Which requests are served without Node's classes; undefined: none. */
  readonly servesWhole?: ServesWhole | undefined;
  /** What the port is for and which setting moves it, for the error when it is taken. */
  readonly setting: string;
  readonly idleTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly connectionsMax: number;
}

export interface Listener {
  /** As bound: the port is never 0. */
  readonly address: Address;
  /** Takes no new connections, lets requests under way finish until `graceMs`, then cuts them off. */
  close(graceMs: number): Promise<void>;
}

/** What an HTTP/2 connection begins with (RFC 9113 §3.4); no HTTP/1.1 method begins so. */
const http2Preface = Buffer.from('PRI');

/** A connection that opened and has said nothing yet. */
const firstBytesTimeoutMs = 10_000;
const headersTimeoutMs = 15_000;

/**
 * Listens for HTTP/1.1 and HTTP/2 on one port. With TLS the handshake tells which; in the clear the
 * first three bytes do, because Node's servers speak one of the two each.
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const plain = http.createServer(
    {
      // A header block that dribbles in, and one that is huge, end here.
      headersTimeout: Math.min(options.requestTimeoutMs, headersTimeoutMs),
      requestTimeout: options.requestTimeoutMs + 5_000,
      keepAliveTimeout: options.idleTimeoutMs,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: 32 * 1024,
    },
    (request, response) => options.handle(new Http1Call(request, response)),
  );
  plain.on('clientError', answerBadRequest);
  // It never listens by itself; without this its connections are neither timed nor known to it.
  plain.emit('listening');
  const multiplexed = createMultiplexed(options);
  const { handle, servesWhole, idleTimeoutMs } = options;
  const reader =
    servesWhole && createHttp1Reader({ handle, servesWhole, node: plain, idleTimeoutMs });
  const front = createFront(options, { plain, multiplexed, reader });
  front.maxConnections = options.connectionsMax;
  // Of several processes that are all full, each would pass the connection on for ever.
  (front as net.Server & { dropMaxConnection: boolean }).dropMaxConnection = true;
  const sockets = new Set<net.Socket>();
  front.on('connection', (socket: net.Socket) => {
    socket.setNoDelay(true);
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await bind(front, options);
  const bound = front.address() as net.AddressInfo;
  return {
    address: { host: options.address.host, port: bound.port },
    close: async (graceMs) => {
      const closed = new Promise<void>((resolve) => front.close(() => resolve()));
      reader?.close();
      plain.closeIdleConnections();
      const idle = setInterval(() => plain.closeIdleConnections(), 50);
      multiplexed.shutDown();
      const timer = setTimeout(() => {
        multiplexed.destroy();
        for (const socket of sockets) socket.destroy();
      }, graceMs);
      await closed;
      clearInterval(idle);
      clearTimeout(timer);
      plain.close();
    },
  };
}

function createMultiplexed({ handle, idleTimeoutMs }: ListenOptions): Http2Server {
  return createHttp2Server({
    idleTimeoutMs,
    onStream: (stream) => {
      if (stream.headers.expect === '100-continue') stream.sendContinue();
      handle(new Http2Call(stream));
    },
    // A handler answers for its own errors: this one is of ours, and says so where one looks.
    onFault: (error) => process.emitWarning(error),
  });
}

function readTls(tls: { cert: string; key: string }): { cert: Buffer; key: Buffer } {
  try {
    return { cert: readFileSync(tls.cert), key: readFileSync(tls.key) };
  } catch (cause) {
    throw new StartError(
      `The TLS certificate or key cannot be read: ${(cause as Error).message}.`,
      {
        cause,
      },
    );
  }
}

interface Servers {
  readonly plain: http.Server;
  readonly multiplexed: Http2Server;
  readonly reader: Http1Reader | undefined;
}

/** Tells the connections apart and hands each to its server, which never listens by itself. */
function createFront(options: ListenOptions, { plain, multiplexed, reader }: Servers): net.Server {
  const timeoutMs = Math.min(options.requestTimeoutMs, firstBytesTimeoutMs);
  if (options.tls !== undefined) {
    const ALPNProtocols = ['h2', 'http/1.1'];
    const secure = { ...readTls(options.tls), ALPNProtocols, handshakeTimeout: timeoutMs };
    const server = tls.createServer(secure, (socket) => {
      if (socket.alpnProtocol === 'h2') multiplexed.accept(socket);
      else if (reader === undefined) plain.emit('connection', socket);
      else {
        awaitFirstBytes(socket, timeoutMs, (start) => {
          reader.take(socket, start);
          return true;
        });
      }
    });
    // A handshake that timed out is told here, and its socket left open.
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    return server;
  }
  return net.createServer((socket) => {
    let seen: Buffer | undefined;
    awaitFirstBytes(socket, timeoutMs, (chunk) => {
      const start = seen === undefined ? chunk : Buffer.concat([seen, chunk]);
      const compared = Math.min(start.length, http2Preface.length);
      const isPrefix = start.compare(http2Preface, 0, compared, 0, compared) === 0;
      if (isPrefix && compared < http2Preface.length) {
        seen = start;
        return false;
      }
      if (isPrefix) multiplexed.accept(socket, start);
      else if (reader === undefined) handOver(plain, socket, start);
      else reader.take(socket, start);
      return true;
    });
  });
}

/** Calls `onBytes` with what comes until it returns true, or ends the connection after `timeoutMs`. */
function awaitFirstBytes(
  socket: net.Socket,
  timeoutMs: number,
  onBytes: (chunk: Buffer) => boolean,
): void {
  const timer = setTimeout(() => socket.destroy(), timeoutMs);
  socket.on('error', () => socket.destroy());
  const stopWaiting = (): void => clearTimeout(timer);
  socket.once('close', stopWaiting);
  const look = (chunk: Buffer): void => {
    socket.off('data', look);
    if (onBytes(chunk)) stopWaiting();
    else socket.on('data', look);
  };
  socket.on('data', look);
}

/** Node would drop the connection without a word. */
function answerBadRequest(error: NodeJS.ErrnoException, socket: net.Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, code] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', 'malformed_request']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', 'request_timeout']
        : ['400 Bad Request', 'malformed_request'];
  const body = JSON.stringify({
    type: `urn:headgate:error:${code}`,
    title: status.slice(4),
    status: Number(status.slice(0, 3)),
    detail: 'This is not a whole HTTP request.',
    code,
  });
  endWith(
    socket,
    `HTTP/1.1 ${status}\r\ncontent-type: application/problem+json\r\nconnection: close\r\n` +
      `x-correlation-id: ${randomUUID()}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/**
 * What came before the fault has its answer first: this one would be taken for it. Where an answer under
 * way is the last (the fault was in the body of its own request), there is none to come.
 */
function endWith(socket: net.Socket, answer: string): void {
  const { _httpMessage: underWay } = socket as { _httpMessage?: http.ServerResponse | null };
  if (underWay) {
    socket.pause();
    underWay.once('finish', () => endWith(socket, answer));
  } else if (socket.writable) socket.end(answer);
}

function bind(server: net.Server, options: ListenOptions): Promise<void> {
  const { host, port } = options.address;
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why =
        cause.code === 'EADDRINUSE'
          ? 'is in use by another program'
          : cause.code === 'EACCES'
            ? 'needs rights that this process does not have'
            : `cannot be listened on (${cause.message})`;
      reject(
        new StartError(
          `${host}:${port} ${why}. Free it, or choose another with ${options.setting}.`,
          {
            cause,
          },
        ),
      );
    });
    server.listen({ host, port, backlog: 1024 }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}
