import type { Duplex } from 'node:stream';

import type { ServedConnection } from '../connections/open-connection.ts';
import type { PacedReading, ReadingTurns, TurnReader } from '../connections/reading-turns.ts';
import type { CallerConnection } from '../http-call.ts';
import { Conduct, type Standing } from './conduct.ts';
import { drainPing } from './control-frames.ts';
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
import { UnreadAnswers, type ServerUnread } from './unread-answers.ts';

/** What all connections of a server share. */
export interface ConnectionHost {
  readonly limits: Http2Limits;
  readonly encoder: HpackEncoder;
  readonly block: OutputBlock;
  readonly unread: ServerUnread;
  readonly readings: ReadingTurns;
  readonly onStream: (stream: Http2Stream) => void;
  /** Reports an error that the application's code or ours should have handled. */
  readonly onFault: (error: Error) => void;
  /** The connection ends because its peer has exceeded the limits of conduct. */
  readonly onFlood: (socket: Duplex) => void;
  /** Calls the connection's `flush` at the end of this turn of the event loop. */
  scheduleFlush(connection: Http2Connection): void;
  forget(connection: Http2Connection): void;
  /** Closes the connection with most unread bytes if all together exceed their limit. */
  limitUnread(): void;
}

/**
 * How many ids are remembered: for streams that we reset, as many as may be open at once; for
 * closed streams, a few are enough.
 */
const resetIdsKept = 1024;
const closedIdsKept = 128;

/**
 * The server's side of one HTTP/2 connection: https://www.rfc-editor.org/rfc/rfc9113. It reads
 * frames, keeps the states of its streams, and sends its frames through a FrameSender.
 *
 * Its states: open; going (GOAWAY with the largest id is sent, new streams are still accepted);
 * gone (GOAWAY with the last id that is served is sent, open streams may finish); over (reading has
 * stopped, and the socket ends after the written bytes or is lost).
 */
export class Http2Connection
  implements StreamOwner, SenderOwner, ReceiverOwner, ServedConnection, TurnReader
{
  readonly streams = new StreamTable();
  readonly sender: FrameSender;
  readonly limits: Http2Limits;
  readonly conduct: Conduct;
  readonly unread: UnreadAnswers;
  /**
   * Streams that we reset. The peer may not know it yet, so frames that it sends for them are
   * ignored.
   */
  readonly resetIds = new RecentIds(resetIdsKept);
  readonly closedIds = new RecentIds(closedIdsKept);
  private readonly socket: Duplex;
  private readonly host: ConnectionHost;
  private readonly reader: FrameReader;
  private readonly receiver: FrameReceiver;
  private readonly pacing: PacedReading;
  lastStreamId = 0;
  /** Streams that hold a slot: not closed, or the application still works on them. */
  activeStreams = 0;
  private windowLeft: number;
  private unacknowledged = 0;
  private isPaused = false;
  /** Runs out if the peer does not answer the ping. */
  private drainTimer: NodeJS.Timeout | undefined;
  isFlushScheduled = false;
  hasSettings = false;
  isDraining = false;
  hasSentFinalGoAway = false;
  isClosed = false;
  /** For the sweep: true if a request has arrived since the last sweep. */
  wasUsed = true;
  wholeRequests = 0;

  constructor(socket: Duplex, host: ConnectionHost, standing?: Standing) {
    this.socket = socket;
    this.host = host;
    this.limits = host.limits;
    this.sender = new FrameSender(socket, host.block, host.encoder, this);
    this.conduct = new Conduct(host.limits, standing);
    this.unread = new UnreadAnswers(host.unread);
    this.receiver = new FrameReceiver(this);
    this.reader = new FrameReader(this.receiver);
    this.pacing = host.readings.open(this);
    this.windowLeft = host.limits.connectionWindowBytes;
    socket.on('data', (chunk: Buffer) => this.read(chunk));
    socket.on('drain', () => this.sender.drained());
    socket.on('end', () => this.lose());
    socket.on('error', () => this.lose());
    socket.on('close', () => this.lose());
    this.say(openingFrames(host.limits));
  }

  get caller(): CallerConnection {
    return this.socket as CallerConnection;
  }

  /** True if a frame or a header block has begun and its rest has not arrived. */
  get isWithinFrame(): boolean {
    return this.reader.isWithinFrame || this.receiver.isWithinBlock;
  }

  read(chunk: Buffer): void {
    if (!this.isClosed) this.pacing.take(chunk);
  }

  /* For the turns of callers that are not known: TurnReader */

  get connection(): CallerConnection {
    return this.caller;
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    if (!this.isPaused) this.socket.resume();
  }

  giveUp(): void {
    this.destroy();
  }

  readNow(chunk: Buffer): void {
    if (this.isClosed) return;
    try {
      this.reader.read(chunk);
    } catch (error) {
      if (error instanceof ConnectionError) {
        if (error.code === errorCode.enhanceYourCalm) this.host.onFlood(this.socket);
        this.fail(error.code, error.message);
      } else {
        this.host.onFault(error as Error);
        this.fail(errorCode.internalError, 'something failed here');
      }
    }
  }

  flush(): void {
    this.isFlushScheduled = false;
    if (!this.isClosed) this.sender.flush();
  }

  /* Requests: called by the receiver */

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
    if (isEnded) this.wholeRequests += 1;
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
    this.wholeRequests += 1;
    try {
      stream.takeEnd(trailers);
    } catch (error) {
      this.host.onFault(error as Error);
      stream.close(errorCode.internalError);
    }
    if (!stream.isClosed && stream.sending.isAllSent) this.close(stream, false);
  }

  /** True if the peer has to read answers before it may ask for more. May end the connection. */
  get isUnread(): boolean {
    this.host.limitUnread();
    return this.unread.bytes > this.limits.unreadBytesMax;
  }

  /** Counts DATA against the window of the connection. */
  countReceived(bytes: number): void {
    this.windowLeft -= bytes;
    if (this.windowLeft < 0) throw flowBroken('DATA is larger than the window of the connection');
  }

  /* Streams: StreamOwner */

  get lingerBytesMax(): number {
    return this.limits.lingerBytesMax;
  }

  queueToSend(stream: Http2Stream): void {
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
    // The socket may not have the stream's answer yet.
    if (this.hasSentFinalGoAway && this.activeStreams === 0) this.schedule();
  }

  checkFields(fields: FieldRecord): number {
    return this.host.encoder.check(fields);
  }

  /* Sent answers: SenderOwner */

  answerSent(stream: Http2Stream): void {
    stream.sending.isAllSent = true;
    this.conduct.answerTaken();
    if (stream.isRequestEnded) this.close(stream, false);
    else if (stream.isBeyondLinger) stream.close();
    else stream.sent();
  }

  flushed(): void {
    if (this.isPaused && !this.sender.isBlocked) {
      this.isPaused = false;
      if (!this.pacing.isWaiting) this.socket.resume();
    }
    if (this.hasSentFinalGoAway && this.activeStreams === 0) this.endWhenFlushed();
  }

  /* The connection's end */

  /** Asks the peer to close. Requests that it sends before it reads this are still served. */
  shutDown(): void {
    if (this.isDraining || this.isClosed) return;
    this.isDraining = true;
    this.say(connectionFrame(frameType.goAway, 0, goAwayPayload(int31Max, errorCode.noError, '')));
    this.say(connectionFrame(frameType.ping, 0, drainPing));
    this.drainTimer = setTimeout(() => this.sendFinalGoAway(), this.limits.goAwayTimeoutMs);
    this.drainTimer.unref();
  }

  /** Ignores new streams from now on. The connection ends once the open ones have ended. */
  sendFinalGoAway(): void {
    if (this.hasSentFinalGoAway || this.isClosed) return;
    this.isDraining = true;
    this.hasSentFinalGoAway = true;
    const payload = goAwayPayload(this.lastStreamId, errorCode.noError, '');
    this.say(connectionFrame(frameType.goAway, 0, payload));
  }

  /** Sends the error code to the peer, and ends the connection. */
  fail(code: number, text: string): void {
    if (this.isClosed) return;
    this.say(connectionFrame(frameType.goAway, 0, goAwayPayload(this.lastStreamId, code, text)));
    this.sender.flush();
    this.end();
  }

  /* For the table of connections: ServedConnection */

  get openRequests(): number {
    return this.activeStreams;
  }

  get awaitsAnswer(): boolean {
    return this.streams.awaitsAnswer;
  }

  leave(): void {
    this.sendFinalGoAway();
    this.flush();
  }

  /** Closes the connection at once. */
  destroy(): void {
    this.socket.destroy();
    this.lose();
  }

  private endWhenFlushed(): void {
    if (this.isClosed || this.sender.hasWork || this.sender.isBlocked) return;
    this.end();
  }

  /**
   * Ends the socket after the written bytes. Until the peer ends too, the socket is read and the
   * bytes are discarded: unread bytes would make the operating system cut off data that the peer
   * has not read yet.
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
    if (this.isClosed) {
      if (!this.socket.writableEnded) this.socket.destroy();
      return;
    }
    this.isClosed = true;
    this.reader.isStopped = true;
    this.pacing.takeRest();
    clearTimeout(this.drainTimer);
    this.host.forget(this);
    for (const stream of this.streams.values()) this.close(stream, true);
    // Only the peer has ended its side: it takes no more answers.
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
    this.sender.streamClosed(stream);
    this.settle(stream);
  }

  /**
   * Resets a stream because of what the peer did. The number of such resets is limited
   * (CVE-2025-8671).
   */
  refuse(stream: Http2Stream, code: number): void {
    this.conduct.countReset();
    this.reset(stream, code);
  }

  refuseId(id: number, code: number): void {
    this.conduct.countReset();
    this.resetIds.add(id);
    this.say(shortFrame(frameType.resetStream, id, code));
  }

  /** Counts a frame that asks for work: conduct.ts. */
  spend(amount: number, isEmpty = true): void {
    this.conduct.spend(amount, this.sender.earned, isEmpty);
  }

  connectionTaken(bytes: number): void {
    this.unacknowledged += bytes;
    if (this.unacknowledged < this.limits.connectionWindowBytes / 2 || this.isClosed) return;
    this.windowLeft += this.unacknowledged;
    this.say(shortFrame(frameType.windowUpdate, 0, this.unacknowledged));
    this.unacknowledged = 0;
  }

  say(frame: Buffer): void {
    if (this.isClosed) return;
    this.sender.addControl(frame);
    this.schedule();
    // Stop reading from a peer that sends requests and does not read the answers.
    if (this.sender.isBlocked && this.sender.controlBytes > this.limits.controlBytesWaitingMax) {
      this.isPaused = true;
      this.socket.pause();
    }
  }

  schedule(): void {
    if (this.isFlushScheduled || this.isClosed) return;
    this.isFlushScheduled = true;
    this.host.scheduleFlush(this);
  }
}
