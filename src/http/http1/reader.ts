import type net from 'node:net';

import type { Connections } from '../connections/connections.ts';
import type { ServedConnection } from '../connections/open-connection.ts';
import type { PacedReading, TurnReader } from '../connections/reading-turns.ts';
import type { CallerConnection, HttpCall } from '../http-call.ts';
import { readCompleteRequest } from './read-request.ts';
import { CompleteCall, type CallConnection } from './complete-call.ts';
import { answerHead, closeLines, keepAliveLines } from './write-answer.ts';

/**
 * Returns whether the endpoints can serve the request through an HttpCall, without Node's classes.
 */
export type IsFastPath = (url: string, headers: HttpCall['headers']) => boolean;

export interface Http1ReaderOptions {
  readonly handle: (call: HttpCall) => void;
  readonly isFastPath: IsFastPath;
  /** Takes over a connection on any other request, with the bytes that were read from it. */
  readonly passToNode: (socket: net.Socket, bytes: Buffer) => void;
  readonly idleTimeoutMs: number;
  readonly connections: Connections;
}

/**
 * Serves plain requests to the hot endpoints directly from the socket. Node's http classes cost 9
 * of the 16 µs of a bare request (docs/adr/0027-an-http1-reader-of-our-own.md).
 *
 * A connection stays here as long as each read returns exactly one whole request that
 * `readCompleteRequest` accepts and a hot endpoint serves, and the next request arrives after the
 * answer. At the first bytes that differ, the connection goes to Node's server for good, with those
 * bytes unchanged. So this reader never holds half a request and never guesses where a body ends.
 */
export interface Http1Reader {
  /** Takes a connection with its first bytes. The caller already handles its errors. */
  take(socket: net.Socket, start: Buffer): void;
  /** Ends idle connections. The others end after their current answer, which announces the end. */
  close(): void;
}

/** The longest time between two sweeps, and the number of sweeps per idle timeout. */
const sweepIntervalMsMax = 5_000;
const sweepsPerTimeout = 4;

export function createHttp1Reader(options: Http1ReaderOptions): Http1Reader {
  const connections = new Set<Http1Connection>();
  const { idleTimeoutMs } = options;
  const shared: Shared = {
    options,
    connections,
    keepAlive: keepAliveLines(idleTimeoutMs),
    closing: false,
  };
  // One timer for all connections: resetting a timer on every request costs 0.5 µs.
  const intervalMs = Math.min(sweepIntervalMsMax, Math.ceil(idleTimeoutMs / sweepsPerTimeout));
  const sweep = setInterval(() => {
    const now = performance.now();
    for (const connection of connections) connection.endIfQuiet(now, idleTimeoutMs);
  }, intervalMs);
  sweep.unref();
  return {
    take: (socket, start) => new Http1Connection(shared, socket).read(start),
    close: () => {
      shared.closing = true;
      clearInterval(sweep);
      for (const connection of connections) connection.endIfIdle();
    },
  };
}

interface Shared {
  readonly options: Http1ReaderOptions;
  readonly connections: Set<Http1Connection>;
  readonly keepAlive: string;
  closing: boolean;
}

/**
 * States: idle -> under way -> idle ... until the connection is passed on or ends. Bytes that
 * arrive while a call is under way are kept, and go to Node after the answer, so that answers keep
 * the order of their requests.
 */
class Http1Connection implements CallConnection, ServedConnection, TurnReader {
  activeCall: CompleteCall | undefined = undefined;
  private readonly shared: Shared;
  readonly socket: net.Socket;
  private readonly pacing: PacedReading;
  private kept: Buffer[] = [];
  /** True once reading has stopped. */
  private ended = false;
  /** The caller does not read its answers. */
  private isFull = false;
  private answers = 0;
  /** What the last sweep saw of the connection, and since when it has not changed. */
  private seenAnswers = 0;
  private seenUnsent = 0;
  private quietSince = performance.now();

  constructor(shared: Shared, socket: net.Socket) {
    this.shared = shared;
    this.socket = socket;
    this.pacing = shared.options.connections.readings.open(this);
    shared.connections.add(this);
    shared.options.connections.serve(socket, this);
    socket.on('data', this.read);
    socket.on('end', this.lose);
    socket.on('close', this.forget);
  }

  readonly read = (bytes: Buffer): void => {
    if (!this.ended) this.pacing.take(bytes);
  };

  readNow(bytes: Buffer): void {
    if (this.ended) return;
    if (this.activeCall !== undefined) {
      this.kept.push(bytes);
      this.socket.pause();
      return;
    }
    const { handle, isFastPath } = this.shared.options;
    const request = readCompleteRequest(bytes);
    if (request === undefined || !isFastPath(request.url, request.headers)) {
      this.passOn(bytes);
      return;
    }
    const call = new CompleteCall(this, request);
    this.activeCall = call;
    handle(call);
  }

  /* For the turns of callers that are not known: TurnReader */

  get connection(): CallerConnection {
    return this.socket;
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    if (!this.ended && !this.isFull && this.kept.length === 0) this.socket.resume();
  }

  giveUp(): void {
    this.socket.destroy();
  }

  answer(
    status: number,
    headers: Record<string, string | number>,
    body: string | Buffer,
    isAscii: boolean,
    isLast: boolean,
  ): void {
    const { socket, shared, kept } = this;
    this.activeCall = undefined;
    this.answers += 1;
    // If more requests have arrived, Node answers them before the end.
    const ends = isLast || (shared.closing && kept.length === 0);
    const lines = isLast ? '' : ends ? closeLines : shared.keepAlive;
    const hasRoom = writeOnce(socket, answerHead(status, headers, lines), body, isAscii);
    if (ends) this.end();
    else if (kept.length > 0) this.passOn(Buffer.concat(kept));
    else if (!hasRoom) {
      // Stop reading from a caller that does not read its answers.
      this.isFull = true;
      socket.pause();
      socket.once('drain', () => {
        this.isFull = false;
        if (!this.pacing.isWaiting) socket.resume();
      });
    }
  }

  /**
   * Closes the connection if it was idle for `idleTimeoutMs`: no request, no answer, no bytes sent.
   * This includes callers that do not read their answer.
   */
  endIfQuiet(now: number, idleTimeoutMs: number): void {
    const { answers, socket } = this;
    const unsent = socket.writableLength;
    const isSame = answers === this.seenAnswers && unsent === this.seenUnsent;
    if (!isSame || this.activeCall !== undefined) {
      this.seenAnswers = answers;
      this.seenUnsent = unsent;
      this.quietSince = now;
    } else if (now - this.quietSince >= idleTimeoutMs) socket.destroy();
  }

  /* For the table of connections: ServedConnection. Every request here arrives whole. */

  get wholeRequests(): number {
    return this.answers + this.openRequests;
  }

  get openRequests(): number {
    return this.activeCall === undefined ? 0 : 1;
  }

  get awaitsAnswer(): boolean {
    return this.activeCall !== undefined;
  }

  leave(): void {}

  endIfIdle(): void {
    if (this.activeCall === undefined) this.end();
  }

  /** Ends the connection once the written bytes are sent. */
  private end(): void {
    this.ended = true;
    this.socket.destroySoon();
  }

  private passOn(bytes: Buffer): void {
    const { socket, shared } = this;
    const rest = this.pacing.takeRest();
    this.forget();
    socket.off('data', this.read);
    socket.off('end', this.lose);
    socket.off('close', this.forget);
    shared.options.passToNode(socket, rest.length === 0 ? bytes : Buffer.concat([bytes, ...rest]));
  }

  /** The caller has ended its side. As in Node's server, it then gets no more answers. */
  private readonly lose = (): void => {
    this.ended = true;
    this.pacing.takeRest();
    const lost = this.activeCall;
    this.activeCall = undefined;
    lost?.ended(undefined);
  };

  private readonly forget = (): void => {
    this.lose();
    this.shared.connections.delete(this);
  };
}

/**
 * Writes head and body at once: a second write costs 2 µs and a packet. Returns true if there is
 * room for more.
 */
function writeOnce(
  socket: net.Socket,
  head: string,
  body: string | Buffer,
  isAscii: boolean,
): boolean {
  // The head is ASCII in both encodings. With Latin-1, Node does not inspect each character.
  if (typeof body === 'string') return socket.write(head + body, isAscii ? 'latin1' : 'utf8');
  const whole = Buffer.allocUnsafe(head.length + body.length);
  whole.write(head, 'latin1');
  whole.set(body, head.length);
  return socket.write(whole);
}
