import http from 'node:http';
import type net from 'node:net';

import type { EngineOptions } from '../engine.ts';
import { answerBadRequest, refuseConnect } from './bad-request.ts';
import { defaultLinger } from '../linger.ts';
import { Http1Call, type Http1CallOwner } from './http1-call.ts';
import { Http1Activity } from './http1-activity.ts';
import { createUnreadSockets } from './unread-sockets.ts';

/** Node's HTTP/1.1 server, for sockets that are passed to it. */
export interface NodeHttp1Server {
  /** Serves a connection. `start` holds the bytes that were already read from it. */
  take(socket: net.Socket, start: Buffer): void;
  /** Ends idle connections, now and whenever another one becomes idle. */
  shutDown(): void;
  close(): void;
}

const headersTimeoutMs = 15_000;
const headerBytesMax = 32 * 1024;
/**
 * The gate answers a late body itself (gate/intake/upload-watch.ts). This covers the cases that it
 * misses.
 */
const requestTimeoutSlackMs = 5_000;
const idleSweepMs = 50;

export function createNodeHttp1Server(options: EngineOptions): NodeHttp1Server {
  const { handle, idleTimeoutMs, requestTimeoutMs, connections } = options;
  const owner: Http1CallOwner = {
    linger: { ...defaultLinger, ...options.linger },
    readings: connections.readings,
  };
  const activities = new WeakMap<object, Http1Activity>();
  const serve = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    activities.get(request.socket)?.begin(request, response);
    handle(new Http1Call(request, response, owner));
  };
  const server = http.createServer(
    {
      headersTimeout: Math.min(requestTimeoutMs, headersTimeoutMs),
      requestTimeout: requestTimeoutMs + requestTimeoutSlackMs,
      keepAliveTimeout: idleTimeoutMs,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: headerBytesMax,
      // check-requests.ts answers these.
      requireHostHeader: false,
    },
    serve,
  );
  // By itself Node sends 100 before the endpoint has looked at the headers.
  server.on('checkContinue', serve);
  server.on('checkExpectation', serve);
  server.on('connect', refuseConnect);
  server.on('clientError', answerBadRequest);
  // The server never listens itself. Without this call it neither tracks its connections nor times
  // them.
  server.emit('listening');
  const unread = createUnreadSockets(idleTimeoutMs);
  let idleSweep: NodeJS.Timeout | undefined;
  return {
    take: (socket, start) => {
      const activity = new Http1Activity();
      activities.set(socket, activity);
      connections.serve(socket, activity);
      server.emit('connection', socket);
      // At once: what a caller costs is counted while its bytes are read.
      socket.emit('data', start);
      socket.resume();
      unread.watch(socket);
    },
    shutDown: () => {
      server.closeIdleConnections();
      idleSweep = setInterval(() => server.closeIdleConnections(), idleSweepMs);
    },
    close: () => {
      clearInterval(idleSweep);
      server.close();
    },
  };
}
