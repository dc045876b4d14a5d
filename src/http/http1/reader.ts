import type net from 'node:net';

import type { HttpCall } from '../http-call.ts';
import { readWholeRequest } from './read-request.ts';
import { WholeCall, type CallConnection } from './whole-call.ts';
import { answerHead, closeLines, keepAliveLines } from './write-answer.ts';

/** Whether the endpoints can serve such a request through an HttpCall, without Node's classes. */
export type ServesWhole = (url: string, headers: HttpCall['headers']) => boolean;

export interface Http1ReaderOptions {
  readonly handle: (call: HttpCall) => void;
  readonly servesWhole: ServesWhole;
  /** Takes over a connection on which anything else is asked, with the bytes read from it. */
  readonly handOver: (socket: net.Socket, bytes: Buffer) => void;
  readonly idleTimeoutMs: number;
}

/**
 * Serves the plain requests of the hot endpoints from the socket itself; Node's http classes are 9 of the
 * 16 µs that a bare request costs (docs/adr/0027-an-http1-reader-of-our-own.md).
 *
 * A connection is here as long as each read of it gives exactly one whole request that
 * `readWholeRequest` knows and a hot endpoint serves, and the next comes after the answer. The first bytes
 * that are anything else go to Node's server, as they came, and the connection with them, for good. So
 * nothing half-read waits here, and no end of a body is ever guessed.
 */
export interface Http1Reader {
  /** Takes a connection with the bytes that it began with. Its errors are seen to already. */
  take(socket: net.Socket, start: Buffer): void;
  /** Ends the idle connections; the others end with the answer under way, which says so. */
  close(): void;
}

/** How often at most connections are looked at, and how many times within the timeout. */
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
  // One timer for all of them: a timer that every request sets back is 0.5 µs of it.
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
 * States: idle -> under way -> idle ... until it is handed over or ends. While a call is under way what
 * else comes is kept, and goes to Node behind the answer: answers leave in the order of their requests.
 */
class Http1Connection implements CallConnection {
  underWay: WholeCall | undefined = undefined;
  private readonly shared: Shared;
  private readonly socket: net.Socket;
  private kept: Buffer[] = [];
  /** Nothing is read any more. */
  private ended = false;
  private answers = 0;
  /** Of the last sweep: what was there of the connection's doings, and since when. */
  private seenAnswers = 0;
  private seenUnsent = 0;
  private quietSince = performance.now();

  constructor(shared: Shared, socket: net.Socket) {
    this.shared = shared;
    this.socket = socket;
    shared.connections.add(this);
    socket.on('data', this.read);
    socket.on('end', this.lose);
    socket.on('close', this.forget);
  }

  readonly read = (bytes: Buffer): void => {
    if (this.ended) return;
    if (this.underWay !== undefined) {
      this.kept.push(bytes);
      this.socket.pause();
      return;
    }
    const { handle, servesWhole } = this.shared.options;
    const request = readWholeRequest(bytes);
    if (request === undefined || !servesWhole(request.url, request.headers)) {
      this.giveToNode(bytes);
      return;
    }
    const call = new WholeCall(this, request);
    this.underWay = call;
    handle(call);
  };

  answer(
    status: number,
    headers: Record<string, string | number>,
    body: string | Buffer,
    isAscii: boolean,
    isLast: boolean,
  ): void {
    const { socket, shared, kept } = this;
    this.underWay = undefined;
    this.answers += 1;
    // Where more was asked already, Node answers it before the end.
    const ends = isLast || (shared.closing && kept.length === 0);
    const lines = isLast ? '' : ends ? closeLines : shared.keepAlive;
    const hasRoom = writeOnce(socket, answerHead(status, headers, lines), body, isAscii);
    if (ends) this.end();
    else if (kept.length > 0) this.giveToNode(Buffer.concat(kept));
    else if (!hasRoom) {
      // A caller that does not read its answers is not read either.
      socket.pause();
      socket.once('drain', () => socket.resume());
    }
  }

  /** Nothing asked, answered or sent off since `idleTimeoutMs`: also a caller that reads no answer. */
  endIfQuiet(now: number, idleTimeoutMs: number): void {
    const { answers, socket } = this;
    const unsent = socket.writableLength;
    const isSame = answers === this.seenAnswers && unsent === this.seenUnsent;
    if (!isSame || this.underWay !== undefined) {
      this.seenAnswers = answers;
      this.seenUnsent = unsent;
      this.quietSince = now;
    } else if (now - this.quietSince >= idleTimeoutMs) socket.destroy();
  }

  endIfIdle(): void {
    if (this.underWay === undefined) this.end();
  }

  /** Once what was written is on its way. */
  private end(): void {
    this.ended = true;
    this.socket.destroySoon();
  }

  private giveToNode(bytes: Buffer): void {
    const { socket, shared } = this;
    this.forget();
    socket.off('data', this.read);
    socket.off('end', this.lose);
    socket.off('close', this.forget);
    shared.options.handOver(socket, bytes);
  }

  /** The caller has said its last: as with Node's server, it takes no answer any more. */
  private readonly lose = (): void => {
    this.ended = true;
    const lost = this.underWay;
    this.underWay = undefined;
    lost?.ended(undefined);
  };

  private readonly forget = (): void => {
    this.lose();
    this.shared.connections.delete(this);
  };
}

/** Head and body by one write: a second one costs 2 µs, and a packet. True: there is room for more. */
function writeOnce(
  socket: net.Socket,
  head: string,
  body: string | Buffer,
  isAscii: boolean,
): boolean {
  // The head is ASCII in either encoding; as Latin-1 nobody looks at each character.
  if (typeof body === 'string') return socket.write(head + body, isAscii ? 'latin1' : 'utf8');
  const whole = Buffer.allocUnsafe(head.length + body.length);
  whole.write(head, 'latin1');
  whole.set(body, head.length);
  return socket.write(whole);
}
