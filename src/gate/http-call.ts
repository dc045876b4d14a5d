import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import {
  constants,
  Http2ServerRequest,
  Http2ServerResponse,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Readable, Writable } from 'node:stream';

/** One request over HTTP and the place for its answer, the same over HTTP/1.1 and HTTP/2. */
export interface HttpCall {
  readonly httpVersionMajor: 1 | 2;
  readonly method: string;
  /** The path and the query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Where the request's bytes come from. */
  readonly body: Readable & { readonly aborted: boolean };
  /** Whether the request was read to its end, or no more of it will come. */
  readonly complete: boolean;
  /** Answered, or there is nobody to answer any more. */
  readonly answered: boolean;
  /** Where the answer's bytes go. */
  readonly answer: Writable;
  /** A body of text is ASCII if `isAscii`, else UTF-8. Once, and only while not `answered`. */
  reply(
    status: number,
    headers: Record<string, string | number>,
    body: string | Buffer,
    isAscii?: boolean,
  ): void;
  /** Ends what is still coming in. */
  cutOff(): void;
  /** The same for a library that knows Node's classes. Nothing may have been read yet. */
  compatible(): CompatibleCall;
}

export interface CompatibleCall {
  readonly request: IncomingMessage | Http2ServerRequest;
  readonly response: ServerResponse | Http2ServerResponse;
}

export class Http1Call implements HttpCall {
  readonly httpVersionMajor = 1;
  readonly body: IncomingMessage;
  readonly answer: ServerResponse;

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

  cutOff(): void {
    this.body.destroy();
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
export class Http2Call implements HttpCall {
  readonly httpVersionMajor = 2;
  readonly body: ServerHttp2Stream;
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

  get answer(): ServerHttp2Stream {
    return this.body;
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

  /** The one stream, without an error: RFC 9113 §8.1. */
  cutOff(): void {
    this.body.close(constants.NGHTTP2_NO_ERROR);
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

function ignore(): void {}
