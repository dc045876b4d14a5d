import type { BodySink } from '../http-call.ts';

/** What a guarded sink needs from its call. */
export interface GuardedCall {
  /** A part of the body has arrived. */
  count(bytes: number): void;
  /** The sink threw an error. */
  fail(error: unknown): void;
  /** The body was cut short. */
  cut(): void;
}

/** Catches errors of the application's sink inside its call, and ends the call with the body. */
export class GuardedSink implements BodySink {
  private readonly sink: BodySink;
  private readonly call: GuardedCall;
  private isClosed = false;

  constructor(sink: BodySink, call: GuardedCall) {
    this.sink = sink;
    this.call = call;
  }

  chunk(bytes: Buffer): void {
    if (this.isClosed) return;
    this.call.count(bytes.length);
    try {
      this.sink.chunk(bytes);
    } catch (error) {
      this.call.fail(error);
    }
  }

  end(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    try {
      this.sink.end();
    } catch (error) {
      this.call.fail(error);
    }
  }

  cut(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    try {
      this.sink.cut();
    } catch (error) {
      this.call.fail(error);
    }
    this.call.cut();
  }
}
