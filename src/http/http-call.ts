import type { IncomingHttpHeaders } from 'node:http';

/** A connection. All calls of a connection have the same object, so it also identifies it. */
export interface CallerConnection {
  /** The peer's IP address. Undefined once the connection is closed. */
  readonly remoteAddress?: string | undefined;
  /**
   * Set by the application: the caller of the last request was known, by its key. A listener that is
   * full ends such a connection last.
   */
  isKnown?: boolean;
  /**
   * Set by the application: so many of its requests have no valid key, and wait for their turn to be
   * answered. They keep no connection open that another needs.
   */
  waitingForTurn?: number;
}

/**
 * One HTTP request and the means to answer it. Endpoints need nothing else from a connection, so a
 * connection does not have to use Node's streams. An implementation may call back at any time: at
 * once, inside the call that asked, or later.
 */
export interface HttpCall {
  readonly httpVersionMajor: 1 | 2;
  /** Where the request came from: the caller, or the proxy before it. */
  readonly connection: CallerConnection;
  readonly method: string;
  /** The path with the query. */
  readonly url: string;
  /** Why the request breaks a rule of HTTP that its engine leaves to us. Undefined: it does not. */
  readonly malformed?: string | undefined;
  /** The handler may change these headers. */
  readonly headers: IncomingHttpHeaders;
  /** True once the request was read to its end, or no more of it will arrive. */
  readonly complete: boolean;
  /** True once the call is answered, or its caller has disconnected. */
  readonly answered: boolean;
  /**
   * Passes the body to the sink. Call it once. A body that is never asked for may stay unread. A
   * caller that waits for 100 Continue gets it now: a refusal before needs no body.
   */
  receive(sink: BodySink): void;
  /**
   * Sends the whole answer. The body text is ASCII if `isAscii`, else UTF-8. Call it once, and only
   * while not `answered`.
   */
  reply(
    status: number,
    headers: Record<string, string | number>,
    body: string | Buffer,
    isAscii?: boolean,
  ): void;
  /**
   * For a request that is not `complete`; call it before the answer. Once the answer is written,
   * the rest of the request is discarded as it arrives, and cut off at the limits of linger.ts.
   */
  cutOffAfterAnswer(): void;
  /** Reports once how the call ended: its answer was written, or its caller disconnected. Several may listen. */
  whenAnswered(listener: (end: CallEnd) => void): void;
  /** For a body that is read in parts: pauses it until `resume`. */
  hold(): void;
  resume(): void;
  /** Sends an answer in parts, instead of `reply`. Call it once, and only while not `answered`. */
  open(): OpenAnswer;
}

/** An answer in parts: `begin`, any number of `write`, then `end` or `cut`. */
export interface OpenAnswer {
  begin(status: number, headers: Record<string, string | string[]>): void;
  /**
   * Sends a part of the body. Calls `whenTaken`, at once or later, when there is room for more or
   * the caller has disconnected.
   */
  write(bytes: Uint8Array, whenTaken: () => void): void;
  end(trailers: Record<string, string | string[]>): void;
  /** Ends the answer early, so that the caller sees that it is incomplete. */
  cut(): void;
}

/**
 * Receives the body of a request: chunks, then either `end` or `cut`. Ignore every call after that.
 */
export interface BodySink {
  chunk(bytes: Buffer): void;
  /** The body is complete. */
  end(): void;
  /** The body stays incomplete: the caller disconnected or cancelled the request. */
  cut(): void;
}

export interface CallEnd {
  /** Undefined if no answer was sent. */
  readonly status: number | undefined;
  readonly grpcStatus: string | undefined;
}

/** A call whose answer can have trailers (HTTP/2). */
export interface TrailersCall extends HttpCall {
  readonly httpVersionMajor: 2;
  /** If `body` is undefined, headers and trailers are sent as one block (Trailers-Only). */
  replyWithTrailers(
    headers: Record<string, string>,
    body: Buffer | undefined,
    trailers: Record<string, string>,
  ): void;
}

export type RequestHandler = (call: HttpCall) => void;

/** Call this before the answer is written. An incomplete request is ended with its answer. */
export function cutOffWhenAnswered(call: HttpCall): void {
  if (!call.complete) call.cutOffAfterAnswer();
}
