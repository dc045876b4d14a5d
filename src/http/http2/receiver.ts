import {
  takeGoAway,
  takePing,
  takePriority,
  takeReset,
  takeSettings,
  takeWindowUpdate,
  type ControlOwner,
} from './control-frames.ts';
import type { FrameSink } from './frame-reader.ts';
import {
  ConnectionError,
  errorCode,
  frameFlag,
  frameType,
  ruleBroken,
  shortFrame,
} from './frames.ts';
import { HeaderBlocks } from './headers/header-blocks.ts';
import type { RequestHead } from './headers/request-head.ts';
import type { Http2Limits } from './limits.ts';
import type { RecentIds } from './recent-ids.ts';
import type { Http2Stream } from './stream.ts';

/** What the receiver reports to its connection, and what it needs from it. */
export interface ReceiverOwner extends ControlOwner {
  readonly limits: Http2Limits;
  readonly resetIds: RecentIds;
  readonly closedIds: RecentIds;
  readonly activeStreams: number;
  readonly hasSentFinalGoAway: boolean;
  readonly isClosed: boolean;
  /** True if the peer has to read answers before it may ask for more. May end the connection. */
  readonly isUnread: boolean;
  lastStreamId: number;
  /** True if a request has arrived since the last sweep: control frames keep no connection. */
  wasUsed: boolean;
  /** A request with complete headers. */
  begin(id: number, head: RequestHead, isEnded: boolean): void;
  /** A part of a request's body. */
  deliver(stream: Http2Stream, bytes: Buffer): void;
  requestEnded(stream: Http2Stream, trailers?: Http2Stream['headers']): void;
  /**
   * Counts DATA against the window of the connection. Throws a ConnectionError if it exceeds the
   * window.
   */
  countReceived(bytes: number): void;
  /** These bytes are no longer held. `taken` also opens the window of the stream. */
  connectionTaken(bytes: number): void;
  taken(stream: Http2Stream, bytes: number): void;
  /** Resets a stream that was never opened. */
  refuseId(id: number, code: number): void;
}

/** DATA smaller than this costs us more than its bytes are worth. */
const smallDataBytes = 128;

/**
 * Handles the frames that a connection receives: assigns requests to streams, counts their bodies
 * against the windows (RFC 9113 §5.2, §6.9), and passes all other frames to control-frames.ts.
 * Throws a ConnectionError for a frame that must end the connection.
 */
export class FrameReceiver implements FrameSink {
  private readonly connection: ReceiverOwner;
  private readonly blocks: HeaderBlocks;
  /** The stream of the DATA frame that is arriving. Undefined if the frame is ignored. */
  private dataStream: Http2Stream | undefined;
  private dataEnds = false;

  constructor(connection: ReceiverOwner) {
    this.connection = connection;
    this.blocks = new HeaderBlocks(connection.limits);
  }

  get isWithinBlock(): boolean {
    return this.blocks.isOpen;
  }

  frame(type: number, flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    const { connection } = this;
    if (connection.isClosed) return;
    if (!connection.hasSettings && type !== frameType.settings)
      throw ruleBroken('the first frame is not SETTINGS');
    if (this.blocks.isOpen && type !== frameType.continuation) {
      throw ruleBroken('a frame stands within a header block');
    }
    switch (type) {
      case frameType.data:
        this.takeCompleteDataFrame(flags, id, bytes, from, to);
        break;
      case frameType.headers:
        this.headers(flags, id, bytes, from, to);
        break;
      case frameType.continuation:
        if (this.blocks.continue(flags, id, bytes, from, to)) this.blockRead();
        break;
      case frameType.resetStream:
        takeReset(connection, id, to - from);
        break;
      case frameType.settings:
        takeSettings(connection, flags, id, bytes, from, to);
        break;
      case frameType.ping:
        takePing(connection, flags, id, bytes, from, to);
        break;
      case frameType.goAway:
        takeGoAway(connection, id, to - from);
        break;
      case frameType.windowUpdate:
        takeWindowUpdate(connection, id, bytes, from, to);
        break;
      case frameType.priority:
        takePriority(connection, id, bytes, from, to);
        break;
      case frameType.pushPromise:
        throw ruleBroken('a client does not push');
      default:
        connection.spend(1);
    }
  }

  dataBegins(flags: number, id: number, length: number): void {
    const { connection } = this;
    if (!connection.hasSettings) throw ruleBroken('the first frame is not SETTINGS');
    if (this.blocks.isOpen) throw ruleBroken('a frame stands within a header block');
    this.dataStream = connection.isClosed ? undefined : this.admitData(flags, id, length, length);
    this.dataEnds = (flags & frameFlag.endStream) !== 0;
  }

  dataPart(bytes: Buffer, from: number, to: number, isLast: boolean): void {
    const { connection } = this;
    const stream = this.dataStream;
    if (stream === undefined || stream.isClosed) {
      connection.connectionTaken(to - from);
      return;
    }
    const isEnd = isLast && this.dataEnds;
    if (!isEnd && to - from < smallDataBytes) connection.spend(1, false);
    connection.deliver(stream, keptPart(bytes, from, to, isEnd));
    if (isEnd && !stream.isClosed) connection.requestEnded(stream);
  }

  private takeCompleteDataFrame(
    flags: number,
    id: number,
    bytes: Buffer,
    from: number,
    to: number,
  ): void {
    const { connection } = this;
    let dataFrom = from;
    let dataTo = to;
    if ((flags & frameFlag.padded) !== 0) {
      const padding = from < to ? bytes[from]! : 256;
      if (padding >= to - from) throw ruleBroken('DATA is shorter than its padding');
      dataFrom = from + 1;
      dataTo = to - padding;
    }
    const length = dataTo - dataFrom;
    const stream = this.admitData(flags, id, to - from, length);
    if (stream === undefined) {
      connection.connectionTaken(to - from);
      return;
    }
    const isEnd = (flags & frameFlag.endStream) !== 0;
    if (!isEnd && length < smallDataBytes) connection.spend(1, length === 0);
    if (to - from > length) connection.taken(stream, to - from - length);
    if (length > 0) connection.deliver(stream, keptPart(bytes, dataFrom, dataTo, isEnd));
    if (isEnd && !stream.isClosed) connection.requestEnded(stream);
  }

  /**
   * Counts DATA against the windows. Returns undefined if no stream takes it; it then counts only
   * for the connection.
   */
  private admitData(
    flags: number,
    id: number,
    bytes: number,
    length: number,
  ): Http2Stream | undefined {
    const { connection } = this;
    const stream = connection.streams.get(id);
    if (stream === undefined && (id > connection.lastStreamId || (id & 1) === 0)) {
      throw ruleBroken('DATA is for a stream that was not begun');
    }
    connection.countReceived(bytes);
    if (stream === undefined || stream.isRequestEnded) {
      this.lateFrame(id);
      return undefined;
    }
    const { receiving } = stream;
    receiving.windowLeft -= bytes;
    if (receiving.windowLeft < 0) {
      connection.refuse(stream, errorCode.flowControlError);
      return undefined;
    }
    if (receiving.contentLeft >= 0) {
      // RFC 9113 §8.1.1: the body must have the announced length.
      const left = receiving.contentLeft - length;
      if (left < 0 || (left > 0 && (flags & frameFlag.endStream) !== 0)) {
        connection.refuse(stream, errorCode.protocolError);
        return undefined;
      }
      receiving.contentLeft = left;
    }
    return stream;
  }

  /** A frame for a stream that has ended: RFC 9113 §5.1, "closed" and "half-closed (remote)". */
  private lateFrame(id: number): void {
    const { connection } = this;
    if (connection.resetIds.has(id)) {
      connection.spend(1, false);
      return;
    }
    const stream = connection.streams.get(id);
    if (stream !== undefined) connection.refuse(stream, errorCode.streamClosed);
    else {
      connection.conduct.countReset();
      connection.say(shortFrame(frameType.resetStream, id, errorCode.streamClosed));
    }
  }

  private headers(flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    const { connection } = this;
    if ((id & 1) === 0) throw ruleBroken(`HEADERS are for stream ${id}`);
    const isNew = id > connection.lastStreamId;
    if (!isNew && !connection.streams.has(id) && !connection.resetIds.has(id)) {
      if (connection.closedIds.has(id))
        throw new ConnectionError(errorCode.streamClosed, 'the stream is closed');
      throw ruleBroken('the id of a stream is not larger than the one before');
    }
    if (isNew) connection.lastStreamId = id;
    if (this.blocks.begin(flags, id, !isNew, bytes, from, to)) this.blockRead();
  }

  private blockRead(): void {
    const { connection } = this;
    const { head, info } = this.blocks;
    if (info.isTrailers) {
      this.trailersRead();
      return;
    }
    connection.wasUsed = true;
    const { streamId } = info;
    // Streams after the last one that our GOAWAY named are ignored, and the peer knows it.
    if (connection.hasSentFinalGoAway) connection.resetIds.add(streamId);
    else if (head.isMalformed || info.dependsOnItself)
      connection.refuseId(streamId, errorCode.protocolError);
    else if (connection.activeStreams >= connection.limits.streamsMax)
      connection.refuseId(streamId, errorCode.refusedStream);
    else if (connection.isUnread) connection.refuseId(streamId, errorCode.refusedStream);
    else if (connection.isClosed) return;
    else if (info.isEndStream && head.contentLength > 0)
      connection.refuseId(streamId, errorCode.protocolError);
    else connection.begin(streamId, head, info.isEndStream);
  }

  /** RFC 9113 §8.1: trailers end the request. */
  private trailersRead(): void {
    const { connection } = this;
    const { head, info } = this.blocks;
    const stream = connection.streams.get(info.streamId);
    if (stream === undefined) this.lateFrame(info.streamId);
    else if (stream.isRequestEnded) connection.refuse(stream, errorCode.streamClosed);
    else if (!info.isEndStream || head.isMalformed || head.isTooLarge || info.dependsOnItself) {
      connection.refuse(stream, errorCode.protocolError);
    } else if (stream.receiving.contentLeft > 0) connection.refuse(stream, errorCode.protocolError);
    else connection.requestEnded(stream, head.headers);
  }
}

/**
 * Keeps a part of a read. Returns a view if the part is most of the read, or the end of a request,
 * which is taken at once. Otherwise returns a copy, so that a few bytes do not keep the whole read
 * in memory.
 */
function keptPart(bytes: Buffer, from: number, to: number, isEnd: boolean): Buffer {
  const part = bytes.subarray(from, to);
  return isEnd || (to - from) * 4 >= bytes.length ? part : Buffer.from(part);
}
