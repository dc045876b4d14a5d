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
import { Budget } from '../http2/budget.ts';
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
/** What a field takes beside its text: RFC 9113 §6.5.2. */
const fieldOverheadBytes = 32;

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
  /** For streams refused because every place is taken. */
  private readonly refusals: Budget;
  private hasSettings = false;
  private readonly openedAt = performance.now();
  private quietSince = performance.now();
  /** Since when the socket has taken nothing, and how much it had taken by then. */
  private blockedSince = 0;
  private bytesTaken = -1;
  private closedSince = 0;

  constructor(socket: net.Socket, host: NodeSessionHost) {
    const { limits } = host;
    this.socket = socket;
    this.host = host;
    this.refusals = new Budget(limits.resetsBurst, limits.resetsPerSecond, this.openedAt);
    const session = performServerHandshake(socket, optionsOf(limits));
    this.session = session;
    session.setLocalWindowSize(limits.connectionWindowBytes);
    session.on('stream', (stream, headers) => this.begin(stream, headers));
    session.on('remoteSettings', () => (this.hasSettings = true));
    session.on('ping', () => (this.quietSince = performance.now()));
    // What the peer did wrong, told to it by GOAWAY already.
    session.on('error', () => session.destroy());
    session.once('close', () => host.forget(this));
  }

  get stallTimeoutMs(): number {
    return this.host.limits.stallTimeoutMs;
  }

  get lingerMs(): number {
    return this.host.limits.lingerMs;
  }

  settle(call: NodeHttp2Call): void {
    this.calls.delete(call);
  }

  fault(error: Error): void {
    this.host.onFault(error);
  }

  shutDown(): void {
    this.session.close();
  }

  destroy(): void {
    this.session.destroy();
    this.socket.destroy();
  }

  /** Looks for what Node does not time. `now`: of `performance.now()`. */
  sweep(now: number): void {
    const { session, socket, host } = this;
    const { limits } = host;
    if (session.destroyed || session.closed) {
      // The peer has its time to take what is left, and to close its side.
      if (this.closedSince === 0) this.closedSince = now;
      const isDone = this.calls.size === 0 && now - this.closedSince >= limits.stallTimeoutMs;
      if (isDone || this.isStuck(now)) socket.destroy();
    } else if (!this.hasSettings && now - this.openedAt >= limits.frameTimeoutMs) {
      this.refuse('a frame did not arrive in time');
    } else if (this.isStuck(now)) this.destroy();
    else if (this.calls.size > 0) this.quietSince = now;
    else if (now - this.quietSince >= host.idleTimeoutMs) session.close();
  }

  private begin(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const now = performance.now();
    this.quietSince = now;
    // Reset in the same read that brought it.
    if (stream.destroyed) return;
    const { limits, handle } = this.host;
    if (this.calls.size >= limits.streamsMax) {
      stream.on('error', ignore);
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
      if (!this.refusals.take(1, now)) this.refuse('too many streams were refused');
      return;
    }
    const call = new NodeHttp2Call(stream, headers, this);
    this.calls.add(call);
    try {
      if (headers.expect === '100-continue') stream.additionalHeaders({ ':status': 100 });
      handle(call);
    } catch (error) {
      call.fail(error);
    }
  }

  /** Ends the session with what its peer did wrong. */
  private refuse(why: string): void {
    this.session.destroy(new Error(why), constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  /** Frames wait, and the socket has taken nothing for `stallTimeoutMs`. */
  private isStuck(now: number): boolean {
    const { session, socket } = this;
    const waits = !session.destroyed && (session.state.outboundQueueSize ?? 0) > 0;
    if (!waits || socket.bytesWritten !== this.bytesTaken) {
      this.bytesTaken = socket.bytesWritten;
      this.blockedSince = now;
      return false;
    }
    return now - this.blockedSince >= this.host.limits.stallTimeoutMs;
  }
}

function optionsOf(limits: Http2Limits): ServerOptions {
  return {
    settings: {
      maxConcurrentStreams: limits.streamsMax,
      initialWindowSize: limits.streamWindowBytes,
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
