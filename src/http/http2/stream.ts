import type { IncomingHttpHeaders } from 'node:http';

import type { BodySink } from '../http-call.ts';
import { errorCode } from './frames.ts';
import type { FieldRecord } from './headers/hpack-encode.ts';

/** What a stream asks of its connection. */
export interface StreamOwner {
  /** There is something to send. */
  wantsToSend(stream: Http2Stream): void;
  /** Of `bytes` nothing is held any more: the peer may send as many again. */
  taken(stream: Http2Stream, bytes: number): void;
  reset(stream: Http2Stream, code: number): void;
  /** The application has done its part, or the stream is closed: when both, its place is free. */
  settle(stream: Http2Stream): void;
  /** Throws a TypeError for fields that cannot be sent; else no less bytes than they take. */
  checkFields(fields: FieldRecord): number;
}

const noFields: FieldRecord = {};

/**
 * One request and its answer. The request: headers, then chunks, then the end, or a cut at any time.
 * The answer: `respond`, any number of `write`, `end`. It is closed when both are over, or by a reset
 * from either side. What is done to a closed stream is done to nobody, and is no error.
 */
export class Http2Stream {
  readonly id: number;
  readonly headers: IncomingHttpHeaders;
  /** Fields after the body; known at its end. */
  trailers: IncomingHttpHeaders | undefined;
  private readonly owner: StreamOwner;

  /** All of the request is here. */
  isRequestEnded = false;
  /** Neither side sends any more. */
  isClosed = false;
  /** Its place is free again. */
  isSettled = false;
  /** Closed before request and answer were over. */
  isAborted = false;
  private sink: BodySink | undefined;
  private isHeld = false;
  /** What came while nobody took it. */
  private early: Buffer[] | undefined;
  private bytesHeld = 0;

  /** Of the answer; 0 while there is none. */
  status = 0;
  fields: FieldRecord = noFields;
  fieldBytesMax = 0;
  answerTrailers: FieldRecord | undefined;
  trailerBytesMax = 0;
  /** The application has given the whole answer, or given up. */
  isFinished = false;
  private callbacksWhenClosed: (() => void)[] | undefined;
  private callbackWhenSent: (() => void) | undefined;

  /** For the connection and its sender alone. */
  readonly receiving = { windowLeft: 0, unacknowledged: 0, contentLeft: -1 };
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
    this.sending = new UnsentAnswer(sendWindow);
  }

  /**
   * Hands the body to `sink`, at once if it is here already. Call it once. The sink may keep each chunk; after
   * `end` the trailers are in `trailers`, and after a `cut` no answer is needed.
   */
  receive(sink: BodySink): void {
    this.sink = sink;
    const { early } = this;
    this.early = undefined;
    if (early !== undefined) for (const bytes of early) sink.chunk(bytes);
    if (!this.isHeld) this.letGo();
    if (this.isRequestEnded) this.endBody();
    else if (this.isClosed) this.cutBody();
  }

  /** From now on the peer may send no more than its window: until `resume`. */
  hold(): void {
    this.isHeld = true;
  }

  resume(): void {
    this.isHeld = false;
    this.letGo();
  }

  get headersSent(): boolean {
    return this.status !== 0;
  }

  /** Bytes of the answer that wait for the peer. */
  get bytesWaiting(): number {
    return this.sending.bytesWaiting;
  }

  /** HTTP's "go on": before `respond`. */
  sendContinue(): void {
    if (this.status !== 0 || this.isClosed) return;
    this.sending.isContinueAsked = true;
    this.owner.wantsToSend(this);
  }

  /** Begins the answer. Throws a TypeError for a field that cannot be sent; nothing has happened then. */
  respond(status: number, fields: FieldRecord): void {
    if (this.status !== 0) throw new Error('The answer has begun already.');
    this.fieldBytesMax = this.owner.checkFields(fields);
    this.status = status;
    this.fields = fields;
    if (!this.isClosed) this.owner.wantsToSend(this);
  }

  /** More of the body, which is not to be changed any more. */
  write(bytes: Buffer): void {
    if (this.isClosed || this.isFinished || bytes.length === 0) return;
    this.sending.add(bytes);
    this.owner.wantsToSend(this);
  }

  /** Ends the answer; as for `respond`. */
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
    this.owner.wantsToSend(this);
  }

  /** Gives up what is not over yet. Sends the peer `code` (errorCode), unless the stream has ended for it. */
  close(code: number = errorCode.noError): void {
    this.isFinished = true;
    if (this.isClosed) this.owner.settle(this);
    else this.owner.reset(this, code);
  }

  /** Calls back once the stream is closed; at once if it is. */
  whenClosed(callback: () => void): void {
    if (this.isClosed) callback();
    else (this.callbacksWhenClosed ??= []).push(callback);
  }

  /** Calls back once all that was written so far is with the socket, or the stream is closed. One at a time. */
  whenSent(callback: () => void): void {
    if (this.isClosed || this.sending.bytesWaiting === 0) callback();
    else this.callbackWhenSent = callback;
  }

  /* What follows is the connection's to call. */

  takeChunk(bytes: Buffer): void {
    if (this.sink === undefined) {
      // After the answer nobody will ask for it.
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

  takeEnd(trailers: IncomingHttpHeaders | undefined): void {
    this.isRequestEnded = true;
    this.trailers = trailers;
    if (this.sink !== undefined) this.endBody();
  }

  takeClose(isAborted: boolean): void {
    this.isClosed = true;
    this.isAborted = isAborted;
    this.sending.clear();
    this.letGo();
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
    // Nobody is left to answer what never was whole.
    this.isFinished = true;
    sink?.cut();
    this.owner.settle(this);
  }

  private letGo(): void {
    const { bytesHeld } = this;
    if (bytesHeld === 0) return;
    this.bytesHeld = 0;
    this.owner.taken(this, bytesHeld);
  }
}

const ignored: BodySink = { chunk: () => {}, end: () => {}, cut: () => {} };

/** What of an answer waits to be sent. */
export class UnsentAnswer {
  /** May be negative (RFC 9113 §6.9.2). */
  windowLeft: number;
  isContinueAsked = false;
  isHeadSent = false;
  /** The last frame written ended the stream. */
  isEndSent = false;
  isAllSent = false;
  /** In the sender's list of those that may send, and of those that wait for the connection's window. */
  isListed = false;
  isWaiting = false;
  /** Of the server's clock: since when the peer takes too little; 0: it does not have to. */
  stalledAt = 0;
  bytesSinceStalled = 0;
  bytesWaiting = 0;
  /** The chunk that is being sent, and how much of it was. */
  current: Buffer | undefined;
  currentSent = 0;
  private later: Buffer[] | undefined;

  constructor(windowLeft: number) {
    this.windowLeft = windowLeft;
  }

  add(bytes: Buffer): void {
    this.bytesWaiting += bytes.length;
    if (this.current === undefined) this.current = bytes;
    else (this.later ??= []).push(bytes);
  }

  /** So many bytes of `current` were sent. Whether that was all of it. */
  advance(bytes: number): boolean {
    this.bytesWaiting -= bytes;
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
    this.bytesWaiting = 0;
    this.stalledAt = 0;
  }
}
