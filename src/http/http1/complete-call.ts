import type { IncomingHttpHeaders } from 'node:http';

import type { BodySink, CallEnd, CallerConnection, HttpCall, OpenAnswer } from '../http-call.ts';
import type { CompleteRequest } from './read-request.ts';

/** What a call needs from its connection. */
export interface CallConnection {
  readonly socket: CallerConnection;
  /**
   * The call that waits for its answer. Undefined if no call waits, or its caller has disconnected.
   */
  readonly activeCall: CompleteCall | undefined;
  /** Answers the current call. With `isLast` the connection ends after the answer. */
  answer(
    status: number,
    headers: Record<string, string | number>,
    body: string | Buffer,
    isAscii: boolean,
    isLast: boolean,
  ): void;
}

/**
 * A call whose request had arrived completely before it began: no streams, and nothing to wait for.
 */
export class CompleteCall implements HttpCall {
  readonly httpVersionMajor = 1;
  readonly method = 'POST';
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /**
   * True if an endpoint has asked for the body. If the endpoint answers without reading the body,
   * the connection ends.
   */
  complete = false;
  private readonly owner: CallConnection;
  private readonly body: Buffer;
  private listeners: ((end: CallEnd) => void)[] | undefined = undefined;

  constructor(owner: CallConnection, { url, headers, body }: CompleteRequest) {
    this.owner = owner;
    this.url = url;
    this.headers = headers;
    this.body = body;
  }

  get connection(): CallerConnection {
    return this.owner.socket;
  }

  get answered(): boolean {
    return this.owner.activeCall !== this;
  }

  receive(sink: BodySink): void {
    this.complete = true;
    if (this.body.length > 0) sink.chunk(this.body);
    sink.end();
  }

  reply(
    status: number,
    headers: Record<string, string | number>,
    body: string | Buffer,
    isAscii = false,
  ): void {
    // As Http1Call: with Node's parser, the body of a request that is refused by its headers has
    // not arrived yet.
    const isLast = !this.complete;
    if (isLast) headers['connection'] = 'close';
    this.owner.answer(status, headers, body, isAscii, isLast);
    this.ended(status);
  }

  /** Does nothing: the whole request has arrived. */
  cutOffAfterAnswer(): void {}

  whenAnswered(listener: (end: CallEnd) => void): void {
    (this.listeners ??= []).push(listener);
  }

  /** Undefined if the caller disconnected before its answer. */
  ended(status: number | undefined): void {
    const { listeners } = this;
    if (listeners === undefined) return;
    this.listeners = undefined;
    for (const listener of listeners) listener({ status, grpcStatus: undefined });
  }

  /** Does nothing: the whole body was passed at once. */
  hold(): void {}

  resume(): void {}

  open(): OpenAnswer {
    throw new TypeError(`${this.url} is answered in one piece (gate/http1)`);
  }
}
