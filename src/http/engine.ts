import type net from 'node:net';

import type { Connections } from './connections/connections.ts';
import type { RequestHandler } from './http-call.ts';
import type { IsFastPath } from './http1/reader.ts';
import type { LingerLimits } from './linger.ts';

/** What an engine needs from its listener. */
export interface EngineOptions {
  readonly handle: RequestHandler;
  /** Selects the requests that our own HTTP/1.1 reader may serve. Undefined: it serves none. */
  readonly isFastPath?: IsFastPath | undefined;
  readonly idleTimeoutMs: number;
  /** Each server says here which connections it serves. */
  readonly connections: Connections;
  readonly requestTimeoutMs: number;
  /** Replaces limits of linger.ts. */
  readonly linger?: Partial<LingerLimits> | undefined;
}

/**
 * The servers behind one port: one for HTTP/1.1 and one for HTTP/2. They never listen: the front
 * passes connections to them once it knows the protocol. The two engines are `own-engine.ts` and
 * `node/node-engine.ts`.
 */
export interface HttpEngine {
  /** Serves a connection. `start` holds the bytes that were already read from it. */
  takeHttp1(socket: net.Socket, start: Buffer): void;
  /** As `takeHttp1`. `start` is undefined if nothing was read yet. */
  takeHttp2(socket: net.Socket, start: Buffer | undefined): void;
  /** Ends idle connections at once, and the others after their open requests. */
  shutDown(): void;
  /** Cuts off the connections that `shutDown` left open. The listener destroys the sockets. */
  destroy(): void;
  /** Releases the servers' resources. Call it once all connections have closed. */
  close(): void;
}
