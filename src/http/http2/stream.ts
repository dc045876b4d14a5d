import type { IncomingHttpHeaders } from 'node:http';

import type { BodySink, CallerConnection } from '../http-call.ts';
import { errorCode } from './frames.ts';
import type { FieldRecord } from './headers/hpack-encode.ts';
import type { UnreadAnswers } from './unread-answers.ts';

/** What a stream needs from its connection. */
export interface StreamOwner {
  readonly caller: CallerConnection;
  readonly unread: UnreadAnswers;
  /** There is something to send. */
  queueToSend(stream: Http2Stream): void;
  /** `bytes` of the body are no longer held: the peer may send as many again. */
  taken(stream: Http2Stream, bytes: number): void;
  reset(stream: Http2Stream, code: number): void;
  /**
   * The application has finished, or the stream is closed. Once both are true, its slot is free.
   */
  settle(stream: Http2Stream): void;
  /** Of a body, after the answer: limits.ts. */
  readonly lingerBytesMax: number;
  /**
   * Returns an upper bound of the encoded bytes. Throws a TypeError for fields that cannot be sent.
   */
  checkFields(fields: FieldRecord): number;
}

const noFields: FieldRecord = {};

/**
 * One request and its answer. The request: headers, then chunks, then the end, or a cut at any
 * time. The answer: `respond`, any number of `write`, `end`. The stream closes when both have
 * ended, or when either side resets it. Operations on a closed stream have no effect and are not
 * errors.
 */
export class Http2Stream {
  readonly id: number;
  readonly headers: IncomingHttpHeaders;
  /** The fields after the body. They are known when the body ends. */
  trailers: IncomingHttpHeaders | undefined;
  private readonly owner: StreamOwner;

  /** The whole request has arrived. */
  isRequestEnded = false;
  /** Both sides have stopped sending. */
  isClosed = false;
  /** The slot is free again. */
  isSettled = false;
  /** The stream closed before request and answer had ended. */
  isAborted = false;
  private sink: BodySink | undefined;
  private isHeld = false;
  /** Chunks that arrived before a sink took them. */
  private early: Buffer[] | undefined;
  private bytesHeld = 0;

  /** The status of the answer. 0 until it is set. */
  status = 0;
  fields: FieldRecord = noFields;
  fieldBytesMax = 0;
  answerTrailers: FieldRecord | undefined;
  trailerBytesMax = 0;
  /** The application has given the whole answer, or given it up. */
  isFinished = false;
  private callbacksWhenClosed: (() => void)[] | undefined;
  private callbackWhenSent: (() => void) | undefined;

  /** Only for the connection and its sender. */
  readonly receiving = {
    windowLeft: 0,
    unacknowledged: 0,
    contentLeft: -1,
    /** Bytes that arrived after the answer; how many of them the last sweep saw, and when. */
    discarded: 0,
    seenDiscarded: 0,
    discardedAt: 0,
  };
  readonly sending: UnsentAnswer;

  constructor(
    owner: StreamOwner,
    id: number,
    headers: IncomingHttpHeaders,
    receiveWindow: number,
    sendWindow: number,
  ) {
    this.owner = owner;
    this.id = id;
    this.headers = headers;
    this.receiving.windowLeft = receiveWindow;
    this.sending = new UnsentAnswer(sendWindow, owner.unread);
  }

  /**
   * Passes the body to `sink`, at once if it has already arrived. Call it once. The sink may keep
   * each chunk. After `end` the trailers are in `trailers`; after `cut` no answer is needed.
   */
  receive(sink: BodySink): void {
    this.sink = sink;
    const { early } = this;
    this.early = undefined;
    if (early !== undefined) for (const bytes of early) sink.chunk(bytes);
    if (!this.isHeld) this.release();
    if (this.isRequestEnded) this.endBody();
    else if (this.isClosed) this.cutBody();
  }

  /** Limits what the peer may send to its window, until `resume`. */
  hold(): void {
    this.isHeld = true;
  }

  resume(): void {
    this.isHeld = false;
    this.release();
  }

  get connection(): CallerConnection {
    return this.owner.caller;
  }

  get headersSent(): boolean {
    return this.status !== 0;
  }

  /** Bytes of the answer that wait for the peer. */
  get bytesWaiting(): number {
    return this.sending.bytesWaiting;
  }

  /** Sends 100 Continue. Call it before `respond`. */
  sendContinue(): void {
    if (this.status !== 0 || this.isClosed) return;
    this.sending.isContinueAsked = true;
    this.owner.queueToSend(this);
  }

  /**
   * Begins the answer. Throws a TypeError for a field that cannot be sent, and then changes
   * nothing.
   */
  respond(status: number, fields: FieldRecord): void {
    if (this.status !== 0) throw new Error('The answer has begun already.');
    this.fieldBytesMax = this.owner.checkFields(fields);
    this.status = status;
    this.fields = fields;
    if (!this.isClosed) this.owner.queueToSend(this);
  }

  /** Adds to the body. Do not change `bytes` after this call. */
  write(bytes: Buffer): void {
    if (this.isClosed || this.isFinished || bytes.length === 0) return;
    this.sending.add(bytes);
    this.owner.queueToSend(this);
  }

  /** Ends the answer. Throws as `respond` does. */
  end(bytes?: Buffer, trailers?: FieldRecord): void {
    if (this.isFinished) return;
    if (trailers !== undefined) {
      this.trailerBytesMax = this.owner.checkFields(trailers);
      this.answerTrailers = trailers;
    }
    this.isFinished = true;
    if (this.isClosed) {
      this.owner.settle(this);
      return;
    }
    if (bytes !== undefined && bytes.length > 0) this.sending.add(bytes);
    this.owner.queueToSend(this);
  }

  /**
   * Gives up the unfinished parts. Sends the peer `code` (errorCode), unless the stream has already
   * ended.
   */
  close(code: number = errorCode.noError): void {
    this.isFinished = true;
    if (this.isClosed) this.owner.settle(this);
    else this.owner.reset(this, code);
  }

  /** Calls back once the stream is closed, or at once if it already is. */
  whenClosed(callback: () => void): void {
    if (this.isClosed) callback();
    else (this.callbacksWhenClosed ??= []).push(callback);
  }

  /**
   * Calls back once the socket has everything written so far, or the stream is closed. Holds one
   * callback.
   */
  whenSent(callback: () => void): void {
    if (this.isClosed || this.sending.bytesWaiting === 0) callback();
    else this.callbackWhenSent = callback;
  }

  /* Only the connection calls the methods below. */

  takeChunk(bytes: Buffer): void {
    if (this.isFinished) {
      this.receiving.discarded += bytes.length;
      if (this.isBeyondLinger) {
        // The peer may send no more than its window until it has taken the answer.
        this.bytesHeld += bytes.length;
        if (this.sending.isAllSent) this.close();
        return;
      }
    }
    if (this.sink === undefined) {
      // After its answer the application will not ask for the body.
      if (this.isFinished) this.owner.taken(this, bytes.length);
      else {
        (this.early ??= []).push(bytes);
        this.bytesHeld += bytes.length;
      }
      return;
    }
    if (this.isHeld) this.bytesHeld += bytes.length;
    else this.owner.taken(this, bytes.length);
    this.sink.chunk(bytes);
  }

  /** More of the request has arrived after its answer than is discarded. */
  get isBeyondLinger(): boolean {
    return this.receiving.discarded > this.owner.lingerBytesMax;
  }

  takeEnd(trailers: IncomingHttpHeaders | undefined): void {
    this.isRequestEnded = true;
    this.trailers = trailers;
    if (this.sink !== undefined) this.endBody();
  }

  takeClose(isAborted: boolean): void {
    this.isClosed = true;
    this.isAborted = isAborted;
    this.sending.clear();
    this.release();
    if (this.sink !== undefined && !this.isRequestEnded) this.cutBody();
    this.sent();
    const callbacks = this.callbacksWhenClosed;
    this.callbacksWhenClosed = undefined;
    if (callbacks !== undefined) for (const callback of callbacks) callback();
  }

  sent(): void {
    const callback = this.callbackWhenSent;
    if (callback === undefined) return;
    this.callbackWhenSent = undefined;
    callback();
  }

  private endBody(): void {
    const { sink } = this;
    this.sink = ignored;
    sink?.end();
  }

  private cutBody(): void {
    const { sink } = this;
    this.sink = ignored;
    // The request never arrived completely, so it needs no answer.
    this.isFinished = true;
    sink?.cut();
    this.owner.settle(this);
  }

  private release(): void {
    const { bytesHeld } = this;
    if (bytesHeld === 0) return;
    this.bytesHeld = 0;
    this.owner.taken(this, bytesHeld);
  }
}

const ignored: BodySink = { chunk: () => {}, end: () => {}, cut: () => {} };

/** The part of an answer that waits to be sent. */
export class UnsentAnswer {
  /** May be negative (RFC 9113 §6.9.2). */
  windowLeft: number;
  isContinueAsked = false;
  isHeadSent = false;
  /** The last frame that was written ended the stream. */
  isEndSent = false;
  isAllSent = false;
  /**
   * `isListed`: in the sender's list of streams that may send. `isWaiting`: in its list of streams
   * that wait for the connection's window.
   */
  isListed = false;
  isWaiting = false;
  /**
   * When the sweep first saw the peer take too little, on the server's clock. 0 if nothing waits.
   */
  stalledAt = 0;
  bytesSinceStalled = 0;
  bytesWaiting = 0;
  /** The chunk that is being sent, and how many of its bytes were. */
  current: Buffer | undefined;
  currentSent = 0;
  private later: Buffer[] | undefined;
  private readonly unread: UnreadAnswers;

  constructor(windowLeft: number, unread: UnreadAnswers) {
    this.windowLeft = windowLeft;
    this.unread = unread;
  }

  add(bytes: Buffer): void {
    this.bytesWaiting += bytes.length;
    this.unread.add(bytes.length);
    if (this.current === undefined) this.current = bytes;
    else (this.later ??= []).push(bytes);
  }

  /** Counts sent bytes of `current`. Returns whether they were the last of it. */
  advance(bytes: number): boolean {
    this.bytesWaiting -= bytes;
    this.unread.add(-bytes);
    this.bytesSinceStalled += bytes;
    this.windowLeft -= bytes;
    this.currentSent += bytes;
    if (this.currentSent < this.current!.length) return false;
    this.current = this.later?.shift();
    this.currentSent = 0;
    return true;
  }

  clear(): void {
    this.current = undefined;
    this.later = undefined;
    this.unread.add(-this.bytesWaiting);
    this.bytesWaiting = 0;
    this.stalledAt = 0;
  }
}
