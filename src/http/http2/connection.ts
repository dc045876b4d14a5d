import type { Duplex } from 'node:stream';

import { Conduct } from './conduct.ts';
import { farewellPing } from './control-frames.ts';
import { FrameReader } from './frame-reader.ts';
import {
  ConnectionError,
  connectionFrame,
  errorCode,
  flowBroken,
  frameType,
  int31Max,
  shortFrame,
} from './frames.ts';
import type { FieldRecord, HpackEncoder } from './headers/hpack-encode.ts';
import type { Http2Limits } from './limits.ts';
import { FrameReceiver, type ReceiverOwner } from './receiver.ts';
import { RecentIds } from './recent-ids.ts';
import type { RequestHead } from './headers/request-head.ts';
import { goAwayPayload, FrameSender, type OutputBlock, type SenderOwner } from './sender.ts';
import { openingFrames } from './settings.ts';
import { Http2Stream, type StreamOwner } from './stream.ts';
import { StreamTable } from './stream-table.ts';

/** What all connections of a server share. */
export interface ConnectionHost {
  readonly limits: Http2Limits;
  readonly encoder: HpackEncoder;
  readonly block: OutputBlock;
  readonly onStream: (stream: Http2Stream) => void;
  /** Something threw that must not: the application's code, or ours. */
  readonly onFault: (error: Error) => void;
  /** Calls `flush` at the end of this turn of the event loop. */
  scheduleFlush(connection: Http2Connection): void;
  forget(connection: Http2Connection): void;
}

/** Streams that we reset: as many as may be under way. Of the closed ones it is enough to know a few. */
const resetIdsKept = 1024;
const closedIdsKept = 128;

/**
 * One connection of HTTP/2, the server's side: https://www.rfc-editor.org/rfc/rfc9113. It reads frames,
 * keeps the states of its streams, and has a FrameSender say what there is to say.
 *
 * Its life: open; going (GOAWAY with the largest id is sent, new streams are still taken); gone
 * (GOAWAY with the last id that is served: what is under way ends); over (nothing is read any more, the
 * socket ends after what was written, or is lost).
 */
export class Http2Connection implements StreamOwner, SenderOwner, ReceiverOwner {
  readonly streams = new StreamTable();
  readonly sender: FrameSender;
  readonly limits: Http2Limits;
  readonly conduct: Conduct;
  /** Reset by us: the peer may not know yet, and what it sends is passed over. */
  readonly resetIds = new RecentIds(resetIdsKept);
  readonly closedIds = new RecentIds(closedIdsKept);
  private readonly socket: Duplex;
  private readonly host: ConnectionHost;
  private readonly reader: FrameReader;
  private readonly receiver: FrameReceiver;
  lastStreamId = 0;
  /** Streams that hold a place: not closed, or still worked on by the application. */
  activeStreams = 0;
  private windowLeft: number;
  private unacknowledged = 0;
  private isPaused = false;
  /** For a peer that does not answer the ping. */
  private farewell: NodeJS.Timeout | undefined;
  isFlushScheduled = false;
  hasSettings = false;
  isGoing = false;
  isGone = false;
  isOver = false;
  /** For the sweep: something came since it looked last. */
  wasUsed = true;

  constructor(socket: Duplex, host: ConnectionHost) {
    this.socket = socket;
    this.host = host;
    this.limits = host.limits;
    this.sender = new FrameSender(socket, host.block, host.encoder, this);
    this.conduct = new Conduct(host.limits);
    this.receiver = new FrameReceiver(this);
    this.reader = new FrameReader(this.receiver);
    this.windowLeft = host.limits.connectionWindowBytes;
    socket.on('data', (chunk: Buffer) => this.read(chunk));
    socket.on('drain', () => this.sender.drained());
    socket.on('end', () => this.lose());
    socket.on('error', () => this.lose());
    socket.on('close', () => this.lose());
    this.say(openingFrames(host.limits));
  }

  /** A frame or a header block has begun whose rest is awaited. */
  get isWithinFrame(): boolean {
    return this.reader.isWithinFrame || this.receiver.isWithinBlock;
  }

  read(chunk: Buffer): void {
    if (this.isOver) return;
    try {
      this.reader.read(chunk);
    } catch (error) {
      if (error instanceof ConnectionError) this.fail(error.code, error.message);
      else {
        this.host.onFault(error as Error);
        this.fail(errorCode.internalError, 'something failed here');
      }
    }
  }

  flush(): void {
    this.isFlushScheduled = false;
    if (!this.isOver) this.sender.flush();
  }

  /* Requests: what the receiver found */

  begin(id: number, head: RequestHead, isEnded: boolean): void {
    const { streamWindowBytes } = this.limits;
    const stream = new Http2Stream(
      this,
      id,
      head.headers,
      streamWindowBytes,
      this.sender.streamWindow,
    );
    stream.receiving.contentLeft = head.contentLength;
    stream.isRequestEnded = isEnded;
    this.streams.add(stream);
    this.activeStreams += 1;
    if (head.isTooLarge) {
      this.conduct.countReset();
      // RFC 6585 §5
      stream.respond(431, {});
      stream.end();
      return;
    }
    this.conduct.requestBegun();
    try {
      this.host.onStream(stream);
    } catch (error) {
      this.host.onFault(error as Error);
      stream.close(errorCode.internalError);
    }
  }

  deliver(stream: Http2Stream, bytes: Buffer): void {
    try {
      stream.takeChunk(bytes);
    } catch (error) {
      this.host.onFault(error as Error);
      stream.close(errorCode.internalError);
    }
  }

  requestEnded(stream: Http2Stream, trailers?: Http2Stream['headers']): void {
    try {
      stream.takeEnd(trailers);
    } catch (error) {
      this.host.onFault(error as Error);
      stream.close(errorCode.internalError);
    }
    if (!stream.isClosed && stream.sending.isAllSent) this.close(stream, false);
  }

  /** Counts DATA against the window of the connection. */
  countReceived(bytes: number): void {
    this.windowLeft -= bytes;
    if (this.windowLeft < 0) throw flowBroken('DATA is larger than the window of the connection');
  }

  /* Streams: StreamOwner */

  wantsToSend(stream: Http2Stream): void {
    this.sender.list(stream);
    this.schedule();
  }

  taken(stream: Http2Stream, bytes: number): void {
    this.connectionTaken(bytes);
    if (stream.isRequestEnded || stream.isClosed) return;
    const { receiving } = stream;
    receiving.unacknowledged += bytes;
    if (receiving.unacknowledged < this.limits.streamWindowBytes / 2) return;
    receiving.windowLeft += receiving.unacknowledged;
    this.say(shortFrame(frameType.windowUpdate, stream.id, receiving.unacknowledged));
    receiving.unacknowledged = 0;
  }

  reset(stream: Http2Stream, code: number): void {
    this.resetIds.add(stream.id);
    this.say(shortFrame(frameType.resetStream, stream.id, code));
    this.close(stream, true);
  }

  settle(stream: Http2Stream): void {
    if (!stream.isClosed || !stream.isFinished || stream.isSettled) return;
    stream.isSettled = true;
    this.activeStreams -= 1;
    // Its answer may not be with the socket yet.
    if (this.isGone && this.activeStreams === 0) this.schedule();
  }

  checkFields(fields: FieldRecord): number {
    return this.host.encoder.check(fields);
  }

  /* What was sent: SenderOwner */

  answerSent(stream: Http2Stream): void {
    stream.sending.isAllSent = true;
    this.conduct.answerTaken();
    if (stream.isRequestEnded) this.close(stream, false);
    else stream.sent();
  }

  flushed(): void {
    if (this.isPaused && !this.sender.isBlocked) {
      this.isPaused = false;
      this.socket.resume();
    }
    if (this.isGone && this.activeStreams === 0) this.endWhenFlushed();
  }

  /* The connection's end */

  /** Asks the peer to go: what it sent before it knows is served. */
  shutDown(): void {
    if (this.isGoing || this.isOver) return;
    this.isGoing = true;
    this.say(connectionFrame(frameType.goAway, 0, goAwayPayload(int31Max, errorCode.noError, '')));
    this.say(connectionFrame(frameType.ping, 0, farewellPing));
    this.farewell = setTimeout(() => this.sayGone(), this.limits.goAwayTimeoutMs);
    this.farewell.unref();
  }

  /** From now on new streams are passed over; once the others have ended, so does the connection. */
  sayGone(): void {
    if (this.isGone || this.isOver) return;
    this.isGoing = true;
    this.isGone = true;
    const payload = goAwayPayload(this.lastStreamId, errorCode.noError, '');
    this.say(connectionFrame(frameType.goAway, 0, payload));
  }

  /** Sends the peer the error code, and ends. */
  fail(code: number, text: string): void {
    if (this.isOver) return;
    this.say(connectionFrame(frameType.goAway, 0, goAwayPayload(this.lastStreamId, code, text)));
    this.sender.flush();
    this.end();
  }

  /** Cuts everything off. */
  destroy(): void {
    this.socket.destroy();
    this.lose();
  }

  private endWhenFlushed(): void {
    if (this.isOver || this.sender.hasWork || this.sender.isBlocked) return;
    this.end();
  }

  /**
   * The socket ends after what was written. Until the peer ends too it is read and forgotten: bytes that
   * nobody reads would make the system cut off what the peer has not read yet.
   */
  private end(): void {
    const { limits, socket } = this;
    let timer = setTimeout(() => socket.destroy(), limits.stallTimeoutMs);
    timer.unref();
    socket.end(() => {
      clearTimeout(timer);
      timer = setTimeout(() => socket.destroy(), limits.goAwayTimeoutMs);
      timer.unref();
    });
    socket.once('close', () => clearTimeout(timer));
    socket.resume();
    this.lose();
  }

  private lose(): void {
    if (this.isOver) {
      if (!this.socket.writableEnded) this.socket.destroy();
      return;
    }
    this.isOver = true;
    this.reader.isStopped = true;
    clearTimeout(this.farewell);
    this.host.forget(this);
    for (const stream of this.streams.values()) this.close(stream, true);
    // The peer's end alone: nobody is left to answer.
    if (!this.socket.writableEnded) this.socket.destroy();
  }

  close(stream: Http2Stream, isAborted: boolean): void {
    this.streams.delete(stream.id);
    this.closedIds.add(stream.id);
    try {
      stream.takeClose(isAborted);
    } catch (error) {
      this.host.onFault(error as Error);
    }
    this.settle(stream);
  }

  /** Because of what the peer did: it may not do that without end (CVE-2025-8671). */
  refuse(stream: Http2Stream, code: number): void {
    this.conduct.countReset();
    this.reset(stream, code);
  }

  refuseId(id: number, code: number): void {
    this.conduct.countReset();
    this.resetIds.add(id);
    this.say(shortFrame(frameType.resetStream, id, code));
  }

  /** A frame came that asks for work: conduct.ts. */
  spend(amount: number): void {
    this.conduct.spend(amount, this.sender.earned);
  }

  connectionTaken(bytes: number): void {
    this.unacknowledged += bytes;
    if (this.unacknowledged < this.limits.connectionWindowBytes / 2 || this.isOver) return;
    this.windowLeft += this.unacknowledged;
    this.say(shortFrame(frameType.windowUpdate, 0, this.unacknowledged));
    this.unacknowledged = 0;
  }

  say(frame: Buffer): void {
    if (this.isOver) return;
    this.sender.addControl(frame);
    this.schedule();
    // A peer that asks and does not read the answers is not heard until it does.
    if (this.sender.isBlocked && this.sender.controlBytes > this.limits.controlBytesWaitingMax) {
      this.isPaused = true;
      this.socket.pause();
    }
  }

  schedule(): void {
    if (this.isFlushScheduled || this.isOver) return;
    this.isFlushScheduled = true;
    this.host.scheduleFlush(this);
  }
}
