import type { Duplex } from 'node:stream';

import { standingOf, type Connections } from '../connections/connections.ts';
import { createReadingTurns } from '../connections/reading-turns.ts';
import { idleBytesMin } from '../linger.ts';
import { Http2Connection, type ConnectionHost } from './connection.ts';
import { errorCode } from './frames.ts';
import { HpackEncoder } from './headers/hpack-encode.ts';
import { defaultLimits, type Http2Limits } from './limits.ts';
import { OutputBlock } from './sender.ts';
import type { Http2Stream } from './stream.ts';
import { ServerUnread } from './unread-answers.ts';

export interface Http2ServerOptions {
  /**
   * Called for each request with complete headers. It may answer at once or later, from anywhere.
   */
  readonly onStream: (stream: Http2Stream) => void;
  /** Reports an error that should have been handled. Its stream or connection is closed already. */
  readonly onFault: (error: Error) => void;
  /** A connection that is idle for this long gets GOAWAY. */
  readonly idleTimeoutMs: number;
  /** Replaces defaultLimits. */
  readonly limits?: Partial<Http2Limits>;
  /** The table of the listener's connections. Undefined: the listener has no table. */
  readonly connections?: Connections | undefined;
}

export interface Http2Server {
  /**
   * Serves a connection whose peer begins with the HTTP/2 preface. `start`: the bytes already read.
   */
  accept(socket: Duplex, start?: Buffer): void;
  /** The number of connections. */
  readonly connections: number;
  /** Sends GOAWAY to every peer. Requests that were sent before the peer read it are served. */
  shutDown(): void;
  /** Closes all remaining connections at once. */
  destroy(): void;
}

/** What the sweep remembers about a connection. */
interface Watched {
  quietSince: number;
  /** When the sweep first saw the connection wait. 0 if it does not wait. */
  incompleteSince: number;
  blockedSince: number;
}

const sweepIntervalMsMax = 1000;

/**
 * The server's side of HTTP/2, over sockets that are passed to it:
 * docs/adr/0028-an-http2-server-of-our-own.md.
 */
export function createHttp2Server(options: Http2ServerOptions): Http2Server {
  const limits = { ...defaultLimits, ...options.limits };
  const connections = new Map<Http2Connection, Watched>();
  const host: ConnectionHost = {
    limits,
    encoder: new HpackEncoder(),
    block: new OutputBlock(),
    unread: new ServerUnread(),
    readings: options.connections?.readings ?? createReadingTurns(),
    onStream: options.onStream,
    onFault: options.onFault,
    onFlood: (socket) => options.connections?.flooded(socket),
    scheduleFlush: createFlushQueue(options.onFault),
    forget: (connection) => {
      connections.delete(connection);
      if (connections.size === 0) stopSweep();
    },
    limitUnread: () => {
      if (host.unread.bytes > limits.serverUnreadBytesMax) closeLargest(connections.keys());
    },
  };

  let timer: NodeJS.Timeout | undefined;
  const startSweep = (): void => {
    if (timer !== undefined) return;
    const intervalMs = Math.min(sweepIntervalMsMax, Math.ceil(options.idleTimeoutMs / 4));
    timer = setInterval(() => {
      const now = performance.now();
      host.limitUnread();
      for (const [connection, watched] of connections) {
        sweepConnection(connection, watched, now, limits, options.idleTimeoutMs);
      }
    }, intervalMs);
    timer.unref();
  };
  const stopSweep = (): void => {
    clearInterval(timer);
    timer = undefined;
  };

  return {
    accept: (socket, start) => {
      const { connections: table } = options;
      const connection = new Http2Connection(socket, host, table && standingOf(table, socket));
      table?.serve(connection.caller, connection);
      const watched = { quietSince: performance.now(), incompleteSince: 0, blockedSince: 0 };
      connections.set(connection, watched);
      startSweep();
      if (start !== undefined) connection.read(start);
      socket.resume();
    },
    get connections() {
      return connections.size;
    },
    shutDown: () => {
      for (const connection of connections.keys()) connection.shutDown();
    },
    destroy: () => {
      for (const connection of connections.keys()) connection.destroy();
    },
  };
}

/** Returns a function that calls a connection's `flush` at the end of this turn of the event loop. */
function createFlushQueue(onFault: Http2ServerOptions['onFault']): ConnectionHost['scheduleFlush'] {
  let waiting: Http2Connection[] = [];
  const flush = (): void => {
    const turn = waiting;
    waiting = [];
    for (const connection of turn) {
      try {
        connection.flush();
      } catch (error) {
        onFault(error as Error);
        connection.destroy();
      }
    }
  };
  return (connection) => {
    if (waiting.push(connection) === 1) setImmediate(flush);
  };
}

/** Closes the connection whose peer leaves most bytes unread. */
function closeLargest(connections: Iterable<Http2Connection>): void {
  let largest: Http2Connection | undefined;
  for (const connection of connections) {
    if (connection.unread.bytes > (largest?.unread.bytes ?? 0)) largest = connection;
  }
  largest?.fail(errorCode.enhanceYourCalm, 'too many answers are not read');
}

/** One timer checks all connections: every frame would reset a timer of its own. */
function sweepConnection(
  connection: Http2Connection,
  watched: Watched,
  now: number,
  limits: Http2Limits,
  idleTimeoutMs: number,
): void {
  const isIncomplete = connection.isWithinFrame || !connection.hasSettings;
  if (!isIncomplete) watched.incompleteSince = 0;
  else if (watched.incompleteSince === 0) watched.incompleteSince = now;
  else if (now - watched.incompleteSince >= limits.frameTimeoutMs) {
    connection.fail(errorCode.enhanceYourCalm, 'a frame did not arrive in time');
    return;
  }
  // A drain between two sweeps resets the time.
  const { sender } = connection;
  if (!sender.isBlocked || sender.hasDrained) watched.blockedSince = 0;
  else if (watched.blockedSince === 0) watched.blockedSince = now;
  else if (now - watched.blockedSince >= limits.stallTimeoutMs) {
    connection.destroy();
    return;
  }
  sender.hasDrained = false;
  for (const stream of connection.streams.values()) sweepStream(stream, now, limits);
  if (connection.wasUsed || connection.activeStreams > 0) {
    connection.wasUsed = false;
    watched.quietSince = now;
  } else if (now - watched.quietSince >= idleTimeoutMs) connection.shutDown();
}

function sweepStream(stream: Http2Stream, now: number, limits: Http2Limits): void {
  const { sending } = stream;
  if (sending.bytesWaiting === 0 && !sending.isAllSent) {
    sending.stalledAt = 0;
    return;
  }
  if (sending.stalledAt === 0) {
    sending.stalledAt = now;
    sending.bytesSinceStalled = 0;
    stream.receiving.discardedAt = now;
    return;
  }
  // The answer is sent, and the rest of the request still arrives: RFC 9113 §8.1.
  if (sending.isAllSent) {
    const { receiving } = stream;
    if (receiving.discarded - receiving.seenDiscarded >= idleBytesMin) {
      receiving.seenDiscarded = receiving.discarded;
      receiving.discardedAt = now;
    }
    const isOver =
      now - sending.stalledAt >= limits.lingerMs ||
      now - receiving.discardedAt >= limits.lingerIdleMs;
    if (isOver) stream.close(errorCode.noError);
    return;
  }
  if (now - sending.stalledAt < limits.stallTimeoutMs) return;
  if (sending.bytesSinceStalled < limits.stallBytesMin) stream.close(errorCode.cancel);
  else sending.stalledAt = 0;
}
