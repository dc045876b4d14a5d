import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';

import type { BodySink, CallEnd, CallerConnection, HttpCall, OpenAnswer } from '../http-call.ts';
import { cutOffLater, receiveStream, writeWithRoom } from './node-streams.ts';

/** A call on Node's HTTP/1.1 classes. */
export class Http1Call implements HttpCall {
  readonly httpVersionMajor = 1;
  private readonly body: IncomingMessage;
  private readonly answer: ServerResponse;

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.body = request;
    this.answer = response;
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

  receive(sink: BodySink): void {
    receiveStream(this.body, sink);
  }

  cutOffAfterAnswer(lingerMs: number): void {
    const { answer, body } = this;
    answer.once('finish', () => {
      body.resume();
      if (!body.complete) cutOffLater(body, lingerMs, () => body.destroy());
    });
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
    this.body.pause();
  }

  resume(): void {
    this.body.resume();
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
