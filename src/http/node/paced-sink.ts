import type { Readable } from 'node:stream';

import type { PacedReading, ReadingTurns, TurnReader } from '../connections/reading-turns.ts';
import type { BodySink, CallerConnection } from '../http-call.ts';

/** The call whose body is read. */
export interface PacedCall {
  readonly connection: CallerConnection;
  /** True once nothing of the body is needed any more. */
  readonly answered: boolean;
}

/** Reads the body of one request in the turns of callers that are not known. */
export class PacedSink implements BodySink, TurnReader {
  readonly connection: CallerConnection;
  private readonly body: Readable;
  private readonly call: PacedCall;
  private readonly sink: BodySink;
  private readonly pacing: PacedReading;
  private isHeld = false;
  private isEnded = false;

  constructor(body: Readable, call: PacedCall, sink: BodySink, readings: ReadingTurns) {
    this.body = body;
    this.call = call;
    this.connection = call.connection;
    this.sink = sink;
    this.pacing = readings.open(this);
  }

  /** What arrives after the answer is ignored, and does not wait. */
  chunk(bytes: Buffer): void {
    if (!this.call.answered) this.pacing.take(bytes);
    else {
      this.pacing.takeRest();
      this.sink.chunk(bytes);
    }
  }

  /** Node may end a paused stream before its last part is read here. */
  end(): void {
    if (this.pacing.isWaiting) this.isEnded = true;
    else this.sink.end();
  }

  cut(): void {
    // Every stream closes in the end.
    if (this.isEnded) return;
    this.pacing.takeRest();
    this.sink.cut();
  }

  /* For the application */

  hold(): void {
    this.isHeld = true;
    this.body.pause();
  }

  release(): void {
    this.isHeld = false;
    this.resume();
  }

  /* For the turns: TurnReader */

  readNow(bytes: Buffer): void {
    this.sink.chunk(bytes);
  }

  pause(): void {
    this.body.pause();
  }

  resume(): void {
    if (this.isHeld || this.pacing.isWaiting) return;
    if (!this.isEnded) this.body.resume();
    else this.sink.end();
  }

  giveUp(): void {
    this.body.destroy();
  }
}
