import type { IncomingHttpHeaders } from 'node:http';
import {
  constants,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2';
import type net from 'node:net';

import { standingOf, type Connections } from '../connections/connections.ts';
import type { ServedConnection } from '../connections/open-connection.ts';
import type { ReadingTurns } from '../connections/reading-turns.ts';
import type { RequestHandler } from '../http-call.ts';
import { Conduct } from '../http2/conduct.ts';
import type { Http2Limits } from '../http2/limits.ts';
import type { LingerLimits } from '../linger.ts';
import { NodeHttp2Call, type NodeCallOwner } from './http2-call.ts';

/** What all sessions of a server share. */
export interface NodeSessionHost {
  readonly limits: Http2Limits;
  readonly handle: RequestHandler;
  readonly onFault: (error: Error) => void;
  readonly idleTimeoutMs: number;
  readonly connections: Connections | undefined;
  readonly readings: ReadingTurns;
  forget(session: NodeHttp2Session): void;
}

/**
 * The limit of answers that wait for the peer: streamsMax answers of 256 KiB each. Node counts in
 * MB.
 */
const sessionMemoryMb = 256;
/**
 * The window of a stream. Node credits the window of the connection as soon as bytes arrive, read or
 * not, so only the windows of the streams limit what waits. With this size (HTTP/2's default) a held
 * stream keeps up to 150 KiB.
 */
const streamWindowBytesMax = 65_535;
/** The overhead of a field beyond its text: RFC 9113 §6.5.2. */
const fieldOverheadBytes = 32;
/** Counted in frames that carry nothing useful: http2/control-frames.ts. */
const settingsCost = 16;

/**
 * One connection on Node's HTTP/2, with the limits of our own server as far as Node allows it. Node
 * closes a session only if its peer breaks the protocol; this class handles idle, silent and stuck
 * peers.
 */
export class NodeHttp2Session implements NodeCallOwner, ServedConnection {
  private readonly session: ServerHttp2Session;
  readonly socket: net.Socket;
  private readonly host: NodeSessionHost;
  /** Calls that hold a slot: their stream is open, or the application still works on them. */
  private readonly calls = new Set<NodeHttp2Call>();
  private readonly conduct: Conduct;
  wholeRequests = 0;
  private hasSettings = false;
  private readonly openedAt = performance.now();
  /** Since when the peer has sent no request. */
  private quietSince = performance.now();
  /** How long a closed session may take to send its remaining bytes and to close its socket. */
  private closeTimeoutMs: number;
  /** Since when the socket has taken no bytes, and how many it had taken by then. */
  private blockedSince = 0;
  private bytesTaken = -1;

  constructor(socket: net.Socket, host: NodeSessionHost) {
    const { limits } = host;
    this.socket = socket;
    this.host = host;
    this.conduct = new Conduct(limits, host.connections && standingOf(host.connections, socket));
    this.closeTimeoutMs = limits.stallTimeoutMs;
    const session = performServerHandshake(socket, optionsOf(limits));
    this.session = session;
    session.setLocalWindowSize(limits.connectionWindowBytes);
    session.on('stream', (stream, headers) => this.begin(stream, headers));
    session.on('remoteSettings', () => this.takeSettings());
    session.on('ping', () => this.takePing());
    // An error of the peer. GOAWAY has already reported it to the peer.
    session.on('error', (error: NodeJS.ErrnoException) => {
      if (error.errno === nghttp2Flooded) host.connections?.flooded(socket);
      session.destroy();
    });
    session.once('close', () => host.forget(this));
  }

  get stallTimeoutMs(): number {
    return this.host.limits.stallTimeoutMs;
  }

  get readings(): ReadingTurns {
    return this.host.readings;
  }

  get linger(): LingerLimits {
    const { lingerMs, lingerIdleMs: idleMs, lingerBytesMax: bytesMax } = this.host.limits;
    return { lingerMs, idleMs, bytesMax };
  }

  /* For the table of connections: ServedConnection */

  get openRequests(): number {
    return this.calls.size;
  }

  get awaitsAnswer(): boolean {
    for (const call of this.calls) if (call.awaitsAnswer) return true;
    return false;
  }

  leave(): void {
    this.session.destroy(undefined, constants.NGHTTP2_NO_ERROR);
  }

  /* For the calls: NodeCallOwner */

  settle(call: NodeHttp2Call): void {
    if (call.wasWhole) this.wholeRequests += 1;
    this.calls.delete(call);
  }

  spend(frames: number, isEmpty: boolean): void {
    this.check(() => this.conduct.spend(frames, 0, isEmpty));
  }

  fault(error: Error): void {
    this.host.onFault(error);
  }

  shutDown(): void {
    this.quietSince = performance.now();
    this.session.close();
  }

  destroy(): void {
    this.session.destroy();
    this.socket.destroy();
  }

  /** Checks the timeouts that Node does not. `now` is a time of `performance.now()`. */
  sweep(now: number): void {
    const { session, calls, host } = this;
    const { limits, idleTimeoutMs } = host;
    if (calls.size > 0) this.quietSince = now;
    const quietMs = now - this.quietSince;
    if (this.isStuck(now)) this.destroy();
    else if (session.destroyed || session.closed) {
      if (quietMs >= this.closeTimeoutMs) this.destroy();
    } else if (!this.hasSettings && now - this.openedAt >= limits.frameTimeoutMs) {
      this.end(new Error('a frame did not arrive in time'));
    } else if (quietMs >= idleTimeoutMs) {
      // Everything is sent. Do not wait for a peer that leaves its side open.
      this.quietSince = now;
      this.closeTimeoutMs = limits.goAwayTimeoutMs;
      session.close();
    }
  }

  private takeSettings(): void {
    // As in our own server: each SETTINGS may change the window of every stream.
    if (this.hasSettings) this.spend(settingsCost, true);
    this.hasSettings = true;
  }

  private takePing(): void {
    this.spend(1, true);
  }

  private begin(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    // Always needed: an error event of a stream without a listener ends the process.
    stream.on('error', ignore);
    const now = performance.now();
    this.quietSince = now;
    // The stream was reset in the same read that opened it.
    if (stream.destroyed) return;
    const { limits, handle } = this.host;
    if (this.calls.size >= limits.streamsMax) {
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
      this.check(() => this.conduct.countReset());
      return;
    }
    this.conduct.requestBegun();
    const call = new NodeHttp2Call(stream, headers, this);
    this.calls.add(call);
    try {
      handle(call);
    } catch (error) {
      call.fail(error);
    }
  }

  /** Ends the session if its peer has exceeded the limits of conduct. */
  private check(count: () => void): void {
    try {
      count();
    } catch (error) {
      this.host.connections?.flooded(this.socket);
      this.end(error as Error);
    }
  }

  private end(error: Error): void {
    this.session.destroy(error, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  /** True if bytes wait for the socket, and it has taken none for `stallTimeoutMs`. */
  private isStuck(now: number): boolean {
    const { session, socket } = this;
    const queued = session.destroyed ? 0 : (session.state.outboundQueueSize ?? 0);
    const backlog = backlogOf(socket);
    // The bytes that were passed to the socket and no longer wait.
    const progress = socket.bytesWritten - backlog;
    if (queued + backlog === 0 || progress !== this.bytesTaken) {
      this.bytesTaken = progress;
      this.blockedSince = now;
      return false;
    }
    return now - this.blockedSince >= this.host.limits.stallTimeoutMs;
  }
}

/**
 * The number of bytes that the operating system has not taken yet. A session writes to the handle
 * below the socket and bypasses the socket's own counters. Node's socket timeouts use the same
 * number.
 */
function backlogOf(socket: net.Socket): number {
  const { _handle: handle } = socket as { _handle?: { readonly writeQueueSize?: number } | null };
  return handle?.writeQueueSize ?? 0;
}

function optionsOf(limits: Http2Limits): ServerOptions {
  return {
    settings: {
      maxConcurrentStreams: limits.streamsMax,
      initialWindowSize: Math.min(limits.streamWindowBytes, streamWindowBytesMax),
      maxHeaderListSize: limits.headerListBytesMax,
    },
    // As many fields as the bytes allow, so that the bytes are the limit, as in our own server.
    maxHeaderListPairs: Math.floor(limits.headerListBytesMax / fieldOverheadBytes),
    maxSessionMemory: sessionMemoryMb,
    streamResetBurst: limits.resetsBurst,
    streamResetRate: limits.resetsPerSecond,
    maxSessionRejectedStreams: limits.resetsBurst,
    maxSessionInvalidFrames: limits.resetsBurst,
    // Callers without a key send "authorization: Bearer "; the gate's answer explains that.
    strictFieldWhitespaceValidation: false,
  };
}

/** nghttp2 saw more PING and SETTINGS in one read than it answers: NGHTTP2_ERR_FLOODED. */
const nghttp2Flooded = -904;

function ignore(): void {}
