import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';

import type { BodySink, CallEnd, CallerConnection, HttpCall, OpenAnswer } from '../http-call.ts';
import { isContinue } from '../check-requests.ts';
import type { ReadingTurns } from '../connections/reading-turns.ts';
import type { LingerLimits } from '../linger.ts';
import { lingerAfterAnswer } from './linger.ts';
import { receiveStream, writeWithRoom } from './node-streams.ts';
import { PacedSink } from './paced-sink.ts';

/** What a call needs from its server. */
export interface Http1CallOwner {
  readonly linger: LingerLimits;
  readonly readings: ReadingTurns;
}

/** A call on Node's HTTP/1.1 classes. */
export class Http1Call implements HttpCall {
  readonly httpVersionMajor = 1;
  private readonly body: IncomingMessage;
  private readonly answer: ServerResponse;
  private readonly owner: Http1CallOwner;
  private sink: PacedSink | undefined = undefined;

  constructor(request: IncomingMessage, response: ServerResponse, owner: Http1CallOwner) {
    this.body = request;
    this.answer = response;
    this.owner = owner;
  }

  get connection(): CallerConnection {
    return this.body.socket;
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
    if (!this.complete) headers['connection'] = 'close';
    this.answer.writeHead(status, headers);
    // With Latin-1, Node does not inspect each character.
    if (isAscii) this.answer.end(body, 'latin1');
    else this.answer.end(body);
  }

  /** RFC 9112 §3.2. Node keeps the first of several, and requires none here. */
  get malformed(): string | undefined {
    const { rawHeaders, httpVersion } = this.body;
    let hosts = 0;
    for (let index = 0; index < rawHeaders.length; index += 2) {
      const name = rawHeaders[index]!;
      if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
    }
    if (hosts > 1) return 'The request has several Host headers. Send one.';
    return hosts === 0 && httpVersion === '1.1' ? 'HTTP/1.1 needs the header Host.' : undefined;
  }

  receive(sink: BodySink): void {
    const { expect } = this.body.headers;
    if (expect !== undefined && isContinue(expect) && !this.body.complete) {
      this.answer.writeContinue();
    }
    this.sink = new PacedSink(this.body, this, sink, this.owner.readings);
    receiveStream(this.body, this.sink);
  }

  cutOffAfterAnswer(): void {
    lingerAfterAnswer(this.body, this.answer, this.owner.linger);
  }

  whenAnswered(listener: (end: CallEnd) => void): void {
    const { answer } = this;
    answer.once('close', () => {
      listener({
        status: answer.headersSent ? answer.statusCode : undefined,
        grpcStatus: undefined,
      });
    });
  }

  hold(): void {
    this.sink?.hold();
  }

  resume(): void {
    this.sink?.release();
  }

  open(): OpenAnswer {
    return new Http1Answer(this.answer);
  }
}

class Http1Answer implements OpenAnswer {
  private readonly response: ServerResponse;

  constructor(response: ServerResponse) {
    this.response = response;
    response.on('error', ignore);
  }

  begin(status: number, headers: Record<string, string | string[]>): void {
    // A body that cannot be read has its answer: bad-request.ts.
    if (this.response.headersSent) return;
    this.response.writeHead(status, headers);
  }

  write(bytes: Uint8Array, whenTaken: () => void): void {
    writeWithRoom(this.response, bytes, whenTaken);
  }

  end(trailers: Record<string, string | string[]>): void {
    this.response.addTrailers(trailers as Record<string, string>);
    this.response.end();
  }

  cut(): void {
    this.response.destroy();
  }
}

function ignore(): void {}
