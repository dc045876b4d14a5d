import type { IncomingHttpHeaders } from 'node:http';
import {
  constants,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2';
import type net from 'node:net';

import type { RequestHandler } from '../http-call.ts';
import { Conduct } from '../http2/conduct.ts';
import type { Http2Limits } from '../http2/limits.ts';
import { NodeHttp2Call, type NodeCallOwner } from './http2-call.ts';

/** What all sessions of a server share. */
export interface NodeSessionHost {
  readonly limits: Http2Limits;
  readonly handle: RequestHandler;
  readonly onFault: (error: Error) => void;
  readonly idleTimeoutMs: number;
  forget(session: NodeHttp2Session): void;
}

/** Answers that wait for the peer: streamsMax answers of 256 KiB each. Node counts in MB. */
const sessionMemoryMb = 256;
/**
 * What a held stream may send is off the connection's window once Node has read it, so that only the window
 * of each stream bounds them all: streamsMax of this (HTTP/2's own default) are 64 MiB.
 */
const streamWindowBytesMax = 65_535;
/** What a field takes beside its text: RFC 9113 §6.5.2. */
const fieldOverheadBytes = 32;
/** In frames that bring nothing: http2/control-frames.ts. */
const settingsCost = 16;

/**
 * One connection on Node's HTTP/2, held to the limits of our own server as far as Node lets us. Node closes
 * a session by itself only when its peer breaks the protocol; idle, silent and stuck peers are ours.
 */
export class NodeHttp2Session implements NodeCallOwner {
  private readonly session: ServerHttp2Session;
  private readonly socket: net.Socket;
  private readonly host: NodeSessionHost;
  /** Calls that hold a place: their stream is open, or the application still works on them. */
  private readonly calls = new Set<NodeHttp2Call>();
  private readonly conduct: Conduct;
  private hasSettings = false;
  private readonly openedAt = performance.now();
  /** Without a request or a PING. */
  private quietSince = performance.now();
  /** How long a closed session may take to send what is left and to lose its socket. */
  private closeTimeoutMs: number;
  /** Since when the socket has taken nothing, and how much it had taken by then. */
  private blockedSince = 0;
  private bytesTaken = -1;

  constructor(socket: net.Socket, host: NodeSessionHost) {
    const { limits } = host;
    this.socket = socket;
    this.host = host;
    this.conduct = new Conduct(limits);
    this.closeTimeoutMs = limits.stallTimeoutMs;
    const session = performServerHandshake(socket, optionsOf(limits));
    this.session = session;
    session.setLocalWindowSize(limits.connectionWindowBytes);
    session.on('stream', (stream, headers) => this.begin(stream, headers));
    session.on('remoteSettings', () => this.takeSettings());
    session.on('ping', () => this.takePing());
    // An error of the peer, which GOAWAY has reported to it already.
    session.on('error', () => session.destroy());
    session.once('close', () => host.forget(this));
  }

  get stallTimeoutMs(): number {
    return this.host.limits.stallTimeoutMs;
  }

  get lingerMs(): number {
    return this.host.limits.lingerMs;
  }

  settle(call: NodeHttp2Call, wasTaken: boolean): void {
    this.calls.delete(call);
    if (wasTaken) this.conduct.answerTaken();
  }

  spend(frames: number): void {
    this.check(() => this.conduct.spend(frames, 0));
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

  /** Looks for what Node does not time. `now`: of `performance.now()`. */
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
      // Nothing is left to send. A peer that does not close its side is not waited for.
      this.quietSince = now;
      this.closeTimeoutMs = limits.goAwayTimeoutMs;
      session.close();
    }
  }

  private takeSettings(): void {
    // As our own server: each may change the window of every stream.
    if (this.hasSettings) this.spend(settingsCost);
    this.hasSettings = true;
  }

  private takePing(): void {
    this.quietSince = performance.now();
    this.spend(1);
  }

  private begin(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    // Whatever becomes of it: an error of a stream that nobody listens to ends the process.
    stream.on('error', ignore);
    const now = performance.now();
    this.quietSince = now;
    // Reset in the same read that brought it.
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
      if (headers.expect === '100-continue') stream.additionalHeaders({ ':status': 100 });
      handle(call);
    } catch (error) {
      call.fail(error);
    }
  }

  /** Ends the session where its peer's conduct is too much. */
  private check(count: () => void): void {
    try {
      count();
    } catch (error) {
      this.end(error as Error);
    }
  }

  private end(error: Error): void {
    this.session.destroy(error, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  /** Something waits for the socket, which has taken nothing for `stallTimeoutMs`. */
  private isStuck(now: number): boolean {
    const { session, socket } = this;
    const queued = session.destroyed ? 0 : (session.state.outboundQueueSize ?? 0);
    const backlog = backlogOf(socket);
    // As much was handed to the socket, and as much of it still waits.
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
 * Bytes that the system has not taken yet. A session writes to the handle below the socket, past all
 * that the socket counts itself; Node's own timeouts of sockets look at the same number.
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
    // As many as the bytes allow, so that the bytes are the limit, as with our own server.
    maxHeaderListPairs: Math.floor(limits.headerListBytesMax / fieldOverheadBytes),
    maxSessionMemory: sessionMemoryMb,
    streamResetBurst: limits.resetsBurst,
    streamResetRate: limits.resetsPerSecond,
    maxSessionRejectedStreams: limits.resetsBurst,
    maxSessionInvalidFrames: limits.resetsBurst,
    // "authorization: Bearer " comes from callers without their key; the gate says so.
    strictFieldWhitespaceValidation: false,
  };
}

function ignore(): void {}
