import type { IncomingHttpHeaders } from 'node:http';

import { isContinue } from '../check-requests.ts';
import { errorCode } from './frames.ts';
import type { Http2Stream } from './stream.ts';
import type {
  BodySink,
  CallEnd,
  CallerConnection,
  OpenAnswer,
  TrailersCall,
} from '../http-call.ts';

/** A call on one HTTP/2 stream. */
export class Http2Call implements TrailersCall {
  readonly httpVersionMajor = 2;
  readonly headers: IncomingHttpHeaders;
  private readonly stream: Http2Stream;

  constructor(stream: Http2Stream) {
    this.stream = stream;
    this.headers = stream.headers;
  }

  get connection(): CallerConnection {
    return this.stream.connection;
  }

  get method(): string {
    return (this.headers[':method'] as string | undefined) ?? '';
  }

  get url(): string {
    return (this.headers[':path'] as string | undefined) ?? '/';
  }

  get complete(): boolean {
    return this.stream.isRequestEnded || this.stream.isClosed;
  }

  /**
   * Answering a caller that has disconnected costs nothing, and shows the connection that the work
   * for it is finished. Until then the stream holds its slot (limits.ts, streamsMax).
   */
  get answered(): boolean {
    return this.stream.headersSent;
  }

  receive(sink: BodySink): void {
    const { expect } = this.headers;
    if (expect !== undefined && isContinue(expect) && !this.complete) this.stream.sendContinue();
    this.stream.receive(sink);
  }

  hold(): void {
    this.stream.hold();
  }

  resume(): void {
    this.stream.resume();
  }

  reply(
    status: number,
    headers: Record<string, string | number>,
    body: string | Buffer,
    isAscii = false,
  ): void {
    const { stream } = this;
    stream.respond(status, headers);
    if (this.method === 'HEAD') stream.end();
    else
      stream.end(typeof body === 'string' ? Buffer.from(body, isAscii ? 'latin1' : 'utf8') : body);
  }

  /**
   * Answers with trailers, which hold the gRPC status. Without a body, headers and trailers are one
   * block (Trailers-Only). This matters to clients whose service config enables retries: they take
   * headers without trailers for the beginning of the answer, and stop retrying.
   */
  replyWithTrailers(
    headers: Record<string, string>,
    body: Buffer | undefined,
    trailers: Record<string, string>,
  ): void {
    const { stream } = this;
    if (body === undefined) {
      stream.respond(200, { ...headers, ...trailers });
      stream.end();
      return;
    }
    stream.respond(200, headers);
    stream.end(body, trailers);
  }

  /** Does nothing: the connection does this for every call, with the `lingerMs` of its limits. */
  cutOffAfterAnswer(): void {}

  whenAnswered(listener: (end: CallEnd) => void): void {
    const { stream } = this;
    stream.whenClosed(() => {
      const wasSent = stream.sending.isHeadSent;
      const status = stream.answerTrailers?.['grpc-status'] ?? stream.fields['grpc-status'];
      listener({
        status: wasSent ? stream.status : undefined,
        grpcStatus: wasSent ? (status as string | undefined) : undefined,
      });
    });
  }

  open(): OpenAnswer {
    return new Http2Answer(this.stream);
  }
}

/**
 * Once more bytes than this wait for the peer's windows, the producer of the answer has to wait.
 */
const waitingBytesMax = 64 * 1024;

class Http2Answer implements OpenAnswer {
  private readonly stream: Http2Stream;

  constructor(stream: Http2Stream) {
    this.stream = stream;
  }

  begin(status: number, headers: Record<string, string | string[]>): void {
    this.stream.respond(status, headers);
  }

  write(bytes: Uint8Array, whenTaken: () => void): void {
    const { stream } = this;
    stream.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    if (stream.bytesWaiting < waitingBytesMax) whenTaken();
    else stream.whenSent(whenTaken);
  }

  end(trailers: Record<string, string | string[]>): void {
    const hasTrailers = Object.keys(trailers).length > 0;
    this.stream.end(undefined, hasTrailers ? trailers : undefined);
  }

  cut(): void {
    this.stream.close(errorCode.internalError);
  }
}
