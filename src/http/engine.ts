import type net from 'node:net';

import type { RequestHandler } from './http-call.ts';
import type { ServesWhole } from './http1/reader.ts';

/** What an engine needs of its listener. */
export interface EngineOptions {
  readonly handle: RequestHandler;
  /** Which requests our own reader of HTTP/1.1 may serve; undefined: none. */
  readonly servesWhole?: ServesWhole | undefined;
  readonly idleTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

/**
 * The servers behind one port: one of HTTP/1.1 and one of HTTP/2. They never listen; the front hands
 * them connections once it knows the protocol. `own-engine.ts` and `node/node-engine.ts` are the two.
 */
export interface HttpEngine {
  /** Serves a connection, of which `start` was read already. */
  takeHttp1(socket: net.Socket, start: Buffer): void;
  /** As `takeHttp1`; `start` is undefined where nothing was read yet. */
  takeHttp2(socket: net.Socket, start: Buffer | undefined): void;
  /** Ends idle connections at once and the others after the requests under way. */
  shutDown(): void;
  /** Cuts off what `shutDown` left. The listener destroys the sockets. */
  destroy(): void;
  /** Releases what the servers hold. Call once no connection is left. */
  close(): void;
}
