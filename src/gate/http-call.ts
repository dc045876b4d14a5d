import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import {
  constants,
  Http2ServerRequest,
  Http2ServerResponse,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Readable } from 'node:stream';

/**
 * One request over HTTP and the place for its answer: all that a door needs of a connection, so that a
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
  /** Tells once how the call ended: when its answer is written, or nobody is left to take it. */
  whenAnswered(listener: (end: CallEnd) => void): void;
  /** The same for a library that knows Node's classes. Nothing may have been read yet. */
  compatible(): CompatibleCall;
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

export interface CompatibleCall {
  readonly request: IncomingMessage | Http2ServerRequest;
  readonly response: ServerResponse | Http2ServerResponse;
}

export class Http1Call implements HttpCall {
  readonly httpVersionMajor = 1;
  private readonly body: IncomingMessage;
  private readonly answer: ServerResponse;

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.body = request;
    this.answer = response;
  }

  get method(): string {
    return this.body.method ?? '';
  }

  get url(): string {
    return this.body.url ?? '/';
  }

  get headers(): IncomingHttpHeaders {
    return this.body.headers;
  }

  get complete(): boolean {
    return this.body.complete;
  }

  get answered(): boolean {
    return this.answer.headersSent || this.answer.destroyed;
  }

  reply(
    status: number,
    headers: Record<string, string | number>,
    body: string | Buffer,
    isAscii = false,
  ): void {
    // The Connect router gives back Node's classes of HTTP/2 too, where the header is not allowed.
    if (!this.complete && this.body.httpVersionMajor === 1) headers['connection'] = 'close';
    this.answer.writeHead(status, headers);
    // Latin-1 is written without a look at each character.
    if (isAscii) this.answer.end(body, 'latin1');
    else this.answer.end(body);
  }

  receive(sink: BodySink): void {
    receiveStream(this.body, sink);
  }

  cutOffAfterAnswer(lingerMs: number): void {
    const { answer, body } = this;
    answer.once('finish', () => dropRest(this, body, lingerMs, () => body.destroy()));
  }

  whenAnswered(listener: (end: CallEnd) => void): void {
    const { answer } = this;
    answer.once('close', () => {
      listener({ status: answer.headersSent ? answer.statusCode : undefined, grpcStatus: undefined });
    });
  }

  compatible(): CompatibleCall {
    return { request: this.body, response: this.answer };
  }
}

/**
 * On the stream itself: Node's Http2ServerRequest and Http2ServerResponse pass every chunk through a
 * second stream and keep state of their own, 5 µs of the 27 that a bare gRPC call costs
 * (docs/performance.md). They are made for the Connect router alone.
 */
export class Http2Call implements TrailersCall {
  readonly httpVersionMajor = 2;
  private readonly body: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  private readonly rawHeaders: readonly string[];

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    rawHeaders: readonly string[],
  ) {
    this.body = stream;
    this.headers = headers;
    this.rawHeaders = rawHeaders;
    // Thrown at those who do not listen; the door finds out by the stream's state.
    stream.on('error', ignore);
  }

  get method(): string {
    return (this.headers[':method'] as string | undefined) ?? '';
  }

  get url(): string {
    return (this.headers[':path'] as string | undefined) ?? '/';
  }

  get complete(): boolean {
    const { body } = this;
    return body.readableEnded || body.aborted || body.closed || body.destroyed;
  }

  get answered(): boolean {
    const { body } = this;
    return body.headersSent || body.closed || body.destroyed;
  }

  receive(sink: BodySink): void {
    receiveStream(this.body, sink);
  }

  reply(
    status: number,
    headers: Record<string, string | number>,
    body: string | Buffer,
    isAscii = false,
  ): void {
    this.body.respond({ ':status': status, ...headers });
    // The answer to HEAD has ended with its headers.
    if (this.method === 'HEAD') return;
    if (isAscii) this.body.end(body, 'latin1');
    else this.body.end(body);
  }

  /**
   * Answers with trailers, in which gRPC has its status. Without a body they are one with the headers
   * (Trailers-Only): a caller whose retries its service config orders takes headers that come alone
   * for the beginning of the answer, and tries no more.
   */
  replyWithTrailers(
    headers: Record<string, string>,
    body: Buffer | undefined,
    trailers: Record<string, string>,
  ): void {
    const { body: stream } = this;
    if (body === undefined) {
      stream.respond({ ':status': 200, ...headers, ...trailers }, { endStream: true });
      return;
    }
    stream.respond({ ':status': 200, ...headers }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.end(body);
  }

  /** The one stream ends, without an error: RFC 9113 §8.1. */
  cutOffAfterAnswer(lingerMs: number): void {
    const { body } = this;
    const cutOff = (): void => body.close(constants.NGHTTP2_NO_ERROR);
    body.once('finish', () => dropRest(this, body, lingerMs, cutOff));
  }

  whenAnswered(listener: (end: CallEnd) => void): void {
    const { body: stream } = this;
    stream.once('close', () => {
      const { headersSent, sentHeaders, sentTrailers } = stream;
      const grpcStatus = sentTrailers?.['grpc-status'] ?? sentHeaders?.['grpc-status'];
      listener({
        status: headersSent ? (sentHeaders[':status'] as number) : undefined,
        grpcStatus: grpcStatus as string | undefined,
      });
    });
  }

  compatible(): CompatibleCall {
    const { body: stream, headers, rawHeaders } = this;
    const request = new Http2ServerRequest(stream, headers, {}, rawHeaders);
    const response = new Http2ServerResponse(stream);
    request.on('error', ignore);
    response.on('error', ignore);
    return { request, response };
  }
}

function receiveStream(body: Readable & { readonly aborted: boolean }, sink: BodySink): void {
  body.on('data', (chunk: Buffer) => sink.chunk(chunk));
  body.on('end', () => {
    // An HTTP/2 upload that its caller resets ends like a whole one, with the body cut short.
    if (body.aborted) sink.cut();
    else sink.end();
  });
  const cut = (): void => sink.cut();
  body.on('error', cut);
  body.on('close', cut);
}

function dropRest(call: HttpCall, body: Readable, lingerMs: number, cutOff: () => void): void {
  body.resume();
  if (call.complete) return;
  const timer = setTimeout(cutOff, lingerMs);
  timer.unref();
  body.once('close', () => clearTimeout(timer));
}

function ignore(): void {}
