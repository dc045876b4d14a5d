import type { IncomingHttpHeaders } from 'node:http';
import { constants, type ServerHttp2Stream } from 'node:http2';

import type {
  BodySink,
  CallEnd,
  CallerConnection,
  OpenAnswer,
  TrailersCall,
} from '../http-call.ts';
import { isContinue } from '../check-requests.ts';
import type { ReadingTurns } from '../connections/reading-turns.ts';
import type { LingerLimits } from '../linger.ts';
import { checkFields, withoutPadding } from './field-values.ts';
import { GuardedSink } from './guarded-sink.ts';
import { discardRest, receiveStream, writeWithRoom } from './node-streams.ts';
import { PacedSink } from './paced-sink.ts';

/** DATA frames smaller than this cost more than their bytes: http2/receiver.ts. */
const smallDataBytes = 128;

/** What a call needs from its session. */
export interface NodeCallOwner {
  readonly socket: CallerConnection;
  /** The call is given up if its caller takes nothing of the answer for this long. */
  readonly stallTimeoutMs: number;
  /** How long the rest of a request may arrive after its answer, and how much of it. */
  readonly linger: LingerLimits;
  readonly readings: ReadingTurns;
  /** The stream is closed and the application has finished with it, so its slot is free. */
  settle(call: NodeHttp2Call): void;
  /** Counts frames that carry nothing useful. */
  spend(frames: number, isEmpty: boolean): void;
  /** The application threw an error. Its stream is closed already. */
  fault(error: Error): void;
}

/**
 * One stream of Node's HTTP/2. Operations on a closed stream have no effect and are not errors. An
 * answer to a caller that has disconnected still frees the slot of the stream (http2/limits.ts,
 * streamsMax).
 */
export class NodeHttp2Call implements TrailersCall {
  readonly httpVersionMajor = 2;
  readonly headers: IncomingHttpHeaders;
  private readonly stream: ServerHttp2Stream;
  private readonly owner: NodeCallOwner;
  private trailers: Record<string, string | string[]> = {};
  /** The application has begun its answer. */
  private hasBegun = false;
  /** The application has given its whole answer, or the request was cut short. */
  private isDone = false;
  private isClosed = false;
  private sink: PacedSink | undefined = undefined;
  private listeners: ((end: CallEnd) => void)[] = [];

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, owner: NodeCallOwner) {
    this.stream = stream;
    this.headers = withoutPadding(headers);
    this.owner = owner;
    stream.once('close', () => this.closed());
    // `watchStall` sets this timeout.
    stream.on('timeout', () => stream.close(constants.NGHTTP2_CANCEL));
  }

  get connection(): CallerConnection {
    return this.owner.socket;
  }

  get method(): string {
    return (this.headers[':method'] as string | undefined) ?? '';
  }

  get url(): string {
    return (this.headers[':path'] as string | undefined) ?? '/';
  }

  get complete(): boolean {
    const { stream } = this;
    return stream.readableEnded || stream.endAfterHeaders || this.isStreamClosed;
  }

  get answered(): boolean {
    return this.hasBegun;
  }

  receive(sink: BodySink): void {
    const guarded = new GuardedSink(sink, this);
    const { expect } = this.headers;
    if (expect !== undefined && isContinue(expect) && !this.complete && !this.hasBegun) {
      this.stream.additionalHeaders({ ':status': 100 });
    }
    if (this.isClosed) {
      guarded.cut();
      return;
    }
    this.sink = new PacedSink(this.stream, this, guarded, this.owner.readings);
    receiveStream(this.stream, this.sink);
  }

  hold(): void {
    this.sink?.hold();
  }

  resume(): void {
    this.sink?.release();
  }

  reply(
    status: number,
    headers: Record<string, string | number>,
    body: string | Buffer,
    isAscii = false,
  ): void {
    this.begin(status, headers, {});
    this.end(typeof body === 'string' ? Buffer.from(body, isAscii ? 'latin1' : 'utf8') : body);
  }

  replyWithTrailers(
    headers: Record<string, string>,
    body: Buffer | undefined,
    trailers: Record<string, string>,
  ): void {
    if (body === undefined) {
      this.begin(200, { ...headers, ...trailers }, { endStream: true });
      this.end(undefined);
      return;
    }
    this.begin(200, headers, { waitForTrailers: true });
    this.end(body, trailers);
  }

  /** Does nothing: `end` does this for every answer, with the session's `linger`. */
  cutOffAfterAnswer(): void {}

  whenAnswered(listener: (end: CallEnd) => void): void {
    if (this.isClosed) listener(this.callEnd());
    else this.listeners.push(listener);
  }

  open(): OpenAnswer {
    const { stream } = this;
    return {
      begin: (status, headers) => this.begin(status, headers, { waitForTrailers: true }),
      write: (bytes, whenTaken) => {
        if (this.isStreamClosed) whenTaken();
        else {
          this.watchStall();
          writeWithRoom(stream, bytes, () => {
            if (!this.isDone) stream.setTimeout(0);
            whenTaken();
          });
        }
      },
      end: (trailers) => this.end(undefined, trailers),
      cut: () => this.close(constants.NGHTTP2_INTERNAL_ERROR),
    };
  }

  /** Gives up the unfinished parts of the call, and sends the caller `code`. */
  close(code: number): void {
    const { stream } = this;
    if (!stream.destroyed) stream.close(code);
    this.done();
  }

  /** A part of the body has arrived. */
  count(bytes: number): void {
    if (bytes < smallDataBytes) this.owner.spend(1, bytes === 0);
  }

  /** An application error ends only its own stream. */
  fail(error: unknown): void {
    this.close(constants.NGHTTP2_INTERNAL_ERROR);
    this.owner.fault(error as Error);
  }

  /** The request never arrived completely, and its caller has disconnected. */
  cut(): void {
    this.done();
  }

  /** The whole request arrived before its answer. */
  get wasWhole(): boolean {
    return this.stream.readableEnded || this.stream.endAfterHeaders;
  }

  /** The request is whole, and waits for the application. */
  get awaitsAnswer(): boolean {
    return this.complete && !this.isDone;
  }

  private get isStreamClosed(): boolean {
    return this.stream.closed || this.stream.destroyed;
  }

  /** Throws a TypeError for a field that cannot be sent. */
  private begin(
    status: number,
    headers: Record<string, string | number | string[]>,
    options: { endStream?: boolean; waitForTrailers?: boolean },
  ): void {
    if (this.hasBegun) throw new Error('The answer has begun already.');
    const { stream } = this;
    checkFields(headers);
    if (!this.isStreamClosed) {
      stream.respond({ ':status': status, ...headers }, options);
      if (options.waitForTrailers === true) {
        stream.once('wantTrailers', () => {
          if (!this.isStreamClosed) stream.sendTrailers(this.trailers);
        });
      }
    }
    this.hasBegun = true;
  }

  private end(body: Buffer | undefined, trailers: Record<string, string | string[]> = {}): void {
    const { stream } = this;
    checkFields(trailers);
    this.trailers = trailers;
    if (!this.isStreamClosed) {
      this.watchStall();
      if (!this.complete) stream.once('finish', () => this.dropRequest());
      // Node has already ended the stream if the answer has no body: HEAD, 204, 304, trailers only.
      if (!stream.writableEnded) stream.end(body);
    }
    this.done();
  }

  /** RFC 9113 §8.1: the answer is sent; the rest of the request is discarded and soon cut off. */
  private dropRequest(): void {
    const { stream, owner } = this;
    if (this.complete) stream.resume();
    else discardRest(stream, owner.linger, () => stream.close(constants.NGHTTP2_NO_ERROR)).start();
  }

  private watchStall(): void {
    this.stream.setTimeout(this.owner.stallTimeoutMs);
  }

  private done(): void {
    if (this.isDone) return;
    this.isDone = true;
    if (this.isClosed) this.owner.settle(this);
  }

  private closed(): void {
    this.isClosed = true;
    const { listeners } = this;
    this.listeners = [];
    for (const listener of listeners) listener(this.callEnd());
    if (this.isDone) this.owner.settle(this);
  }

  private callEnd(): CallEnd {
    const { headersSent, sentHeaders, sentTrailers } = this.stream;
    if (!headersSent) return { status: undefined, grpcStatus: undefined };
    return {
      status: sentHeaders[':status'] as number,
      grpcStatus: (sentTrailers?.['grpc-status'] ?? sentHeaders['grpc-status']) as
        | string
        | undefined,
    };
  }
}
