import type { IncomingHttpHeaders } from 'node:http';
import { constants, type ServerHttp2Stream } from 'node:http2';

import type { BodySink, CallEnd, OpenAnswer, TrailersCall } from '../http-call.ts';
import { checkFields, withoutPadding } from './field-values.ts';
import { GuardedSink } from './guarded-sink.ts';
import { cutOffLater, receiveStream, writeWithRoom } from './node-streams.ts';

/** DATA smaller than this costs more than its bytes: http2/receiver.ts. */
const smallDataBytes = 128;

/** What a call needs of the session it came by. */
export interface NodeCallOwner {
  /** A caller that takes nothing of its answer for so long is given up. */
  readonly stallTimeoutMs: number;
  /** How long the rest of a request may come after its answer. */
  readonly lingerMs: number;
  /**
   * The stream is closed and the application is done with it: its place is free. `wasTaken`: the answer
   * was sent to its end.
   */
  settle(call: NodeHttp2Call, wasTaken: boolean): void;
  /** Counts frames that bring nothing. */
  spend(frames: number): void;
  /** The application threw. Its stream is closed already. */
  fault(error: Error): void;
}

/**
 * One stream of Node's HTTP/2. What is done to a closed stream has no effect and is no error: the answer
 * to a caller who is gone still frees the stream's place (http2/limits.ts, streamsMax).
 */
export class NodeHttp2Call implements TrailersCall {
  readonly httpVersionMajor = 2;
  readonly headers: IncomingHttpHeaders;
  private readonly stream: ServerHttp2Stream;
  private readonly owner: NodeCallOwner;
  private trailers: Record<string, string | string[]> = {};
  /** The application has begun its answer. */
  private hasBegun = false;
  /** The application has given its whole answer, or its request was cut short. */
  private isDone = false;
  private isClosed = false;
  private listeners: ((end: CallEnd) => void)[] = [];

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, owner: NodeCallOwner) {
    this.stream = stream;
    this.headers = withoutPadding(headers);
    this.owner = owner;
    stream.once('close', () => this.closed());
    // Of `watchStall`.
    stream.on('timeout', () => {
      stream.close(constants.NGHTTP2_CANCEL);
      // With a socket that takes nothing the reset would wait for ever.
      stream.destroy();
    });
  }

  get method(): string {
    return (this.headers[':method'] as string | undefined) ?? '';
  }

  get url(): string {
    return (this.headers[':path'] as string | undefined) ?? '/';
  }

  get complete(): boolean {
    const { stream } = this;
    return stream.readableEnded || stream.endAfterHeaders || this.isOver;
  }

  get answered(): boolean {
    return this.hasBegun;
  }

  receive(sink: BodySink): void {
    const guarded = new GuardedSink(sink, this);
    if (this.isClosed) guarded.cut();
    else receiveStream(this.stream, guarded);
  }

  hold(): void {
    this.stream.pause();
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

  /** Every answer does so by itself (`end`), with the `lingerMs` of the session. */
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
        if (this.isOver) whenTaken();
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

  /** Gives up what is not over yet, and sends the caller `code`. */
  close(code: number): void {
    const { stream } = this;
    if (!stream.destroyed) stream.close(code);
    this.done();
  }

  /** A part of the body came. */
  count(bytes: number): void {
    if (bytes < smallDataBytes) this.owner.spend(1);
  }

  /** An error of the application ends its stream alone. */
  fail(error: unknown): void {
    this.close(constants.NGHTTP2_INTERNAL_ERROR);
    this.owner.fault(error as Error);
  }

  /** Nobody is left to answer a request that never was whole. */
  cut(): void {
    this.done();
  }

  private get isOver(): boolean {
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
    if (!this.isOver) {
      stream.respond({ ':status': status, ...headers }, options);
      if (options.waitForTrailers === true) {
        stream.once('wantTrailers', () => {
          if (!this.isOver) stream.sendTrailers(this.trailers);
        });
      }
    }
    this.hasBegun = true;
  }

  private end(body: Buffer | undefined, trailers: Record<string, string | string[]> = {}): void {
    const { stream } = this;
    checkFields(trailers);
    this.trailers = trailers;
    if (!this.isOver) {
      this.watchStall();
      if (!this.complete) stream.once('finish', () => this.dropRequest());
      // Node has ended it already where the answer has no body: HEAD, 204, 304, trailers only.
      if (!stream.writableEnded) stream.end(body);
    }
    this.done();
  }

  /** RFC 9113 §8.1: the answer is out, the rest of the request is thrown away and soon cut off. */
  private dropRequest(): void {
    const { stream, owner } = this;
    stream.resume();
    if (this.complete) return;
    cutOffLater(stream, owner.lingerMs, () => stream.close(constants.NGHTTP2_NO_ERROR));
  }

  private watchStall(): void {
    this.stream.setTimeout(this.owner.stallTimeoutMs);
  }

  private done(): void {
    if (this.isDone) return;
    this.isDone = true;
    if (this.isClosed) this.owner.settle(this, this.stream.writableFinished);
  }

  private closed(): void {
    this.isClosed = true;
    const { listeners } = this;
    this.listeners = [];
    for (const listener of listeners) listener(this.callEnd());
    if (this.isDone) this.owner.settle(this, this.stream.writableFinished);
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
