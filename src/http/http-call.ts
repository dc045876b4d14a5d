import type { IncomingHttpHeaders } from 'node:http';

/**
 * One request over HTTP and the place for its answer: all that an endpoint needs of a connection, so that a
 * connection needs none of Node's streams. Whoever gives one calls back whenever it suits: at once,
 * within the call that asked, or later.
 */
export interface HttpCall {
  readonly httpVersionMajor: 1 | 2;
  readonly method: string;
  /** The path and the query. */
  readonly url: string;
  /** The handler may change them. */
  readonly headers: IncomingHttpHeaders;
  /** Whether the request was read to its end by somebody, or no more of it will come. */
  readonly complete: boolean;
  /** Answered, or there is nobody to answer any more. */
  readonly answered: boolean;
  /** Hands over the body. Once. A call that is never asked for it may leave it unread. */
  receive(sink: BodySink): void;
  /** A body of text is ASCII if `isAscii`, else UTF-8. Once, and only while not `answered`. */
  reply(
    status: number,
    headers: Record<string, string | number>,
    body: string | Buffer,
    isAscii?: boolean,
  ): void;
  /**
   * For a request that is not `complete`, before its answer: once that is written, the rest is thrown
   * away as it comes, and cut off if it still comes `lingerMs` later.
   */
  cutOffAfterAnswer(lingerMs: number): void;
  /** Reports once how the call ended: its answer is written, or the caller is gone. */
  whenAnswered(listener: (end: CallEnd) => void): void;
  /** For a body that is read in parts: no more of it comes until `resume`. */
  hold(): void;
  resume(): void;
  /** For an answer in parts, instead of `reply`. Once, and only while not `answered`. */
  open(): OpenAnswer;
}

/** An answer in parts: `begin`, any number of `write`, and `end` or `cut`. */
export interface OpenAnswer {
  begin(status: number, headers: Record<string, string | string[]>): void;
  /** Calls back when there is room for more, at once or later, or nobody is left to take it. */
  write(bytes: Uint8Array, whenTaken: () => void): void;
  end(trailers: Record<string, string | string[]>): void;
  /** It stays cut short, and the caller sees that. */
  cut(): void;
}

/** Takes the body of a request: chunks, then one of the other two. What comes after that means nothing. */
export interface BodySink {
  chunk(bytes: Buffer): void;
  /** The body is whole. */
  end(): void;
  /** It stays cut short: the caller is gone, or took it back. */
  cut(): void;
}

export interface CallEnd {
  /** Undefined: nothing was answered. */
  readonly status: number | undefined;
  readonly grpcStatus: string | undefined;
}

/** A call whose answer can have trailers: HTTP/2. */
export interface TrailersCall extends HttpCall {
  readonly httpVersionMajor: 2;
  /** With `body` undefined the trailers are one with the headers (Trailers-Only). */
  replyWithTrailers(
    headers: Record<string, string>,
    body: Buffer | undefined,
    trailers: Record<string, string>,
  ): void;
}

export type RequestHandler = (call: HttpCall) => void;

/** Gives the caller a moment to read the answer before its upload is cut off. */
const lingerMs = 1000;

/** Call before the answer is written: a request that was not read to its end ends with it. */
export function cutOffWhenAnswered(call: HttpCall): void {
  if (!call.complete) call.cutOffAfterAnswer(lingerMs);
}
