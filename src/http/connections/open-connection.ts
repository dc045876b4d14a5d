import type net from 'node:net';

import type { CallerConnection } from '../http-call.ts';

/** What the server of a connection knows about it. The table reads it; no request reports to it. */
export interface ServedConnection {
  /** Requests that have arrived to their end so far. */
  readonly wholeRequests: number;
  /** Requests that are not over: a part of them or of their answer is missing. */
  readonly openRequests: number;
  /** True if one of them is whole and waits for the application. */
  readonly awaitsAnswer: boolean;
  /** Says goodbye, where the protocol can, to a peer whose socket is destroyed next. */
  leave(): void;
}

/** How the place of a connection is given away: the lowest first. Undefined: it keeps its place. */
export type EvictionRank = 0 | 1 | 2 | 3 | 4 | 5;

/** A request that moves less than this within `stalledMs` makes no progress. */
const progressBytesMin = 1024;
const stalledMs = 5_000;
/** A silent connection that is younger than this may still shake hands, or send its request. */
const freshMs = 1_000;
/** A known caller that was idle for less than this is about to send again. */
const restMs = 5_000;

export interface AcceptedSocket {
  readonly socket: net.Socket;
  /** Address and port of the peer. */
  readonly peer: string;
  /** An address or network; it counts as one. */
  readonly address: string;
  /** A proxy's connections hold many callers: no limit by address. */
  readonly isProxy: boolean;
}

/** A connection of a listener: since when it is idle, and what its place is worth. */
export class OpenConnection implements AcceptedSocket {
  readonly socket: net.Socket;
  readonly peer: string;
  readonly address: string;
  readonly isProxy: boolean;
  private served: ServedConnection | undefined = undefined;
  /** Whole requests that the servers before this one read from the connection. */
  private requestsBefore = 0;
  /** The socket within TLS, where there is TLS: what calls have as their connection. */
  private inner: CallerConnection;
  readonly openedAt: number;
  /** When a sweep last saw a new request. */
  workedAt: number;
  private seenRequests = 0;
  /** When a sweep last saw an open request make progress. */
  private progressedAt: number;
  private seenBytes = 0;
  private wasOpen = false;
  /** Requests keep its place only if the caller is known. */
  private readonly onlyKnownStay: boolean;

  constructor(
    { socket, peer, address, isProxy }: AcceptedSocket,
    now: number,
    onlyKnownStay: boolean,
  ) {
    this.onlyKnownStay = onlyKnownStay;
    this.socket = socket;
    this.peer = peer;
    this.inner = socket;
    this.address = address;
    this.isProxy = isProxy;
    this.openedAt = now;
    this.workedAt = now;
    this.progressedAt = now;
  }

  /** A server reads it from now on. `inner`: the socket within TLS, or the same. */
  serve(inner: CallerConnection, served: ServedConnection): void {
    this.requestsBefore = this.wholeRequests;
    this.served = served;
    this.inner = inner;
  }

  /** The last request had a valid key. */
  get isKnown(): boolean {
    return this.inner.isKnown === true;
  }

  private get wholeRequests(): number {
    return this.requestsBefore + (this.served?.wholeRequests ?? 0);
  }

  /** Notices what has happened since the last call. */
  look(now: number): void {
    const { served } = this;
    if (served === undefined) return;
    const { wholeRequests } = this;
    const { openRequests } = served;
    if (wholeRequests !== this.seenRequests) {
      this.seenRequests = wholeRequests;
      this.workedAt = now;
    }
    const isOpen = openRequests > 0;
    if (isOpen) {
      const bytes = bytesMoved(this.socket);
      if (!this.wasOpen || bytes - this.seenBytes >= progressBytesMin) {
        this.seenBytes = bytes;
        this.progressedAt = now;
      }
    }
    this.wasOpen = isOpen;
  }

  /**
   * After `look`. Silent before idle before stalled, callers that are not known before those that
   * are. A request that waits for us keeps its connection, and so does one of a known caller that makes
   * progress; unless it only waits to be refused, or the listener lets only known callers stay.
   */
  rank(now: number): EvictionRank | undefined {
    const { served } = this;
    const { isKnown } = this;
    if (served !== undefined && served.openRequests > 0) {
      const { waitingForTurn = 0 } = this.inner;
      if (!isKnown && waitingForTurn >= served.openRequests) return 1;
      // Of an unknown caller, what is still on its way is worth nothing yet, however it comes.
      if (!isKnown && (this.onlyKnownStay || !served.awaitsAnswer)) return 3;
      if (now - this.progressedAt < stalledMs || served.awaitsAnswer) return undefined;
      return isKnown ? 5 : 3;
    }
    if (this.wholeRequests === 0) return now - this.openedAt < freshMs ? 2 : 0;
    if (!isKnown) return 1;
    return now - this.workedAt >= restMs ? 4 : undefined;
  }

  /** Ends it at once. */
  evict(): void {
    this.served?.leave();
    this.socket.destroy();
  }
}

function bytesMoved({ bytesRead, bytesWritten, writableLength }: net.Socket): number {
  return bytesRead + bytesWritten - writableLength;
}
