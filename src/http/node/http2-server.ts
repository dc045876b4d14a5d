import type net from 'node:net';

import type { Connections } from '../connections/connections.ts';
import { createReadingTurns } from '../connections/reading-turns.ts';
import type { RequestHandler } from '../http-call.ts';
import { defaultLimits, type Http2Limits } from '../http2/limits.ts';
import { NodeHttp2Session } from './http2-session.ts';

export interface NodeHttp2ServerOptions {
  readonly handle: RequestHandler;
  /** Reports an error that the application threw. Its stream is closed already. */
  readonly onFault: (error: Error) => void;
  /** A connection without requests for this long is closed. */
  readonly idleTimeoutMs: number;
  /**
   * Replaces defaultLimits. docs/operate/http-engines.md lists the limits that Node cannot enforce.
   */
  readonly limits?: Partial<Http2Limits>;
  /** The table of the listener's connections. Undefined: the listener has no table. */
  readonly connections?: Connections | undefined;
}

/** Node's HTTP/2 server, for sockets that are passed to it. */
export interface NodeHttp2Server {
  /** Serves a connection. `start` holds the bytes that were already read from it. */
  accept(socket: net.Socket, start?: Buffer): void;
  /** The number of connections. */
  readonly connections: number;
  /** Sends GOAWAY to every peer. Open requests are still served. */
  shutDown(): void;
  /** Closes all remaining connections at once. */
  destroy(): void;
}

const sweepIntervalMsMax = 1000;

export function createNodeHttp2Server(options: NodeHttp2ServerOptions): NodeHttp2Server {
  const limits = { ...defaultLimits, ...options.limits };
  const { handle, onFault, idleTimeoutMs, connections } = options;
  const readings = connections?.readings ?? createReadingTurns();
  const sessions = new Set<NodeHttp2Session>();
  const intervalMs = Math.min(sweepIntervalMsMax, Math.ceil(idleTimeoutMs / 4));
  let sweep: NodeJS.Timeout | undefined;

  const forget = (session: NodeHttp2Session): void => {
    sessions.delete(session);
    if (sessions.size > 0) return;
    clearInterval(sweep);
    sweep = undefined;
  };
  const startSweep = (): void => {
    sweep ??= setInterval(() => {
      const now = performance.now();
      for (const session of sessions) session.sweep(now);
    }, intervalMs);
    sweep.unref();
  };
  return {
    accept: (socket, start) => {
      if (start !== undefined) {
        // The session reads what the socket holds. A socket in flowing mode would drop the bytes.
        socket.pause();
        socket.unshift(start);
      }
      const host = { limits, handle, onFault, idleTimeoutMs, connections, readings, forget };
      const session = new NodeHttp2Session(socket, host);
      connections?.serve(socket, session);
      sessions.add(session);
      startSweep();
    },
    get connections() {
      return sessions.size;
    },
    shutDown: () => {
      for (const session of sessions) session.shutDown();
    },
    destroy: () => {
      for (const session of sessions) session.destroy();
    },
  };
}
