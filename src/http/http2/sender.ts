import net from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';

import {
  frameFlag,
  frameHeadBytes,
  frameType,
  initialFrameBytesMax,
  initialWindowBytes,
  writeFrameHead,
} from './frames.ts';
import type { FieldRecord, HpackEncoder } from './headers/hpack-encode.ts';
import type { Http2Stream } from './stream.ts';

/** The buffer in which all connections of a server assemble their output. */
export class OutputBlock {
  bytes = Buffer.allocUnsafeSlow(64 * 1024);

  /** Replaces the buffer: the old one now belongs to a socket that has not sent it yet. */
  renew(): void {
    this.bytes = Buffer.allocUnsafeSlow(this.bytes.length);
  }
}

/** What the sender reports to its connection. */
export interface SenderOwner {
  /** The socket has the last frame of an answer. */
  answerSent(stream: Http2Stream): void;
  /** A flush has ended: everything was sent, or as much as the socket takes for now. */
  flushed(): void;
}

/** How many bytes of one stream are sent in turn while others wait. */
const quantumBytes = 16 * 1024;
/** Room for frame heads and small header blocks around a quantum. */
const spareBytes = 2 * 1024;
const tableSizeZero = 0x20;
/** A peer may answer each part of an answer with a WINDOW_UPDATE and a PING, as Go's clients do. */
const controlPerChunk = 2;
const bytesPerControl = 1024;

/**
 * Sends a connection's output in one write per turn of the event loop. Answers to control frames go
 * first. Then each stream that may send gets a quantum, in turn, as far as the windows allow (RFC
 * 9113 §5.2). When the socket is full, the sender waits for it to drain.
 */
export class FrameSender {
  private readonly socket: Duplex;
  private readonly block: OutputBlock;
  private readonly encoder: HpackEncoder;
  private readonly owner: SenderOwner;
  /** True if the socket no longer needs the block once `write` returns with nothing waiting. */
  private readonly mayShareBlock: boolean;
  private at = 0;
  private control: Buffer[] = [];
  private listed: Http2Stream[] = [];
  private spare: Http2Stream[] = [];
  /** Streams that wait for the window of the connection. */
  private waiting: Http2Stream[] = [];
  /** How many closed streams the lists may still hold. */
  private closedListed = 0;
  private closedWaiting = 0;
  /** Bytes of control frames that the socket has not taken yet. */
  controlBytes = 0;
  isBlocked = false;
  /** For the sweep: true if the socket has drained since the last sweep. */
  hasDrained = false;
  windowLeft = initialWindowBytes;
  /** From the peer's SETTINGS. */
  streamWindow = initialWindowBytes;
  frameBytesMax = initialFrameBytesMax;
  /**
   * The peer set its table size below the default, which we have to acknowledge (RFC 7541 §4.2).
   */
  mustSayTableSize = false;
  /** How many frames that ask for work the sent answers pay for: conduct.ts. */
  earned = 0;

  constructor(socket: Duplex, block: OutputBlock, encoder: HpackEncoder, owner: SenderOwner) {
    this.socket = socket;
    this.block = block;
    this.encoder = encoder;
    this.owner = owner;
    this.mayShareBlock = socket instanceof net.Socket && !(socket instanceof tls.TLSSocket);
  }

  addControl(frame: Buffer): void {
    this.control.push(frame);
    this.controlBytes += frame.length;
  }

  list(stream: Http2Stream): void {
    if (stream.sending.isListed) return;
    stream.sending.isListed = true;
    this.listed.push(stream);
  }

  /**
   * Forgets a closed stream. A peer that keeps its window shut could otherwise begin and reset
   * streams that stay in memory as long as the connection.
   */
  streamClosed(stream: Http2Stream): void {
    if (stream.sending.isListed) {
      this.closedListed += 1;
      if (this.closedListed * 2 > this.listed.length) {
        this.closedListed = 0;
        dropClosed(this.listed);
      }
    }
    if (!stream.sending.isWaiting) return;
    this.closedWaiting += 1;
    if (this.closedWaiting * 2 <= this.waiting.length) return;
    this.closedWaiting = 0;
    dropClosed(this.waiting);
  }

  /** The peer has opened the connection's window: the streams that waited for it continue. */
  openWindow(increment: number): void {
    this.windowLeft += increment;
    if (this.windowLeft <= 0 || this.waiting.length === 0) return;
    const { waiting } = this;
    this.waiting = [];
    this.closedWaiting = 0;
    for (const stream of waiting) {
      stream.sending.isWaiting = false;
      if (!stream.isClosed) this.list(stream);
    }
  }

  get hasWork(): boolean {
    return this.control.length > 0 || this.listed.length > 0;
  }

  flush(): void {
    if (this.isBlocked) return;
    this.writeControl();
    while (this.listed.length > 0 && !this.isBlocked) {
      const turn = this.listed;
      this.listed = this.spare;
      this.closedListed = 0;
      for (const stream of turn) {
        stream.sending.isListed = false;
        if (stream.isClosed) continue;
        if (this.isBlocked) this.list(stream);
        else this.send(stream);
      }
      turn.length = 0;
      this.spare = turn;
    }
    this.writeBlock();
    this.owner.flushed();
  }

  /** The socket accepts more bytes. */
  drained(): void {
    this.isBlocked = false;
    this.hasDrained = true;
    this.flush();
  }

  private writeControl(): void {
    if (this.control.length === 0) return;
    for (const frame of this.control) {
      this.makeRoom(frame.length);
      this.block.bytes.set(frame, this.at);
      this.at += frame.length;
    }
    this.control = [];
    this.controlBytes = 0;
  }

  private send(stream: Http2Stream): void {
    const { sending } = stream;
    if (!sending.isHeadSent) {
      if (sending.isContinueAsked) this.writeContinue(stream);
      if (stream.status === 0) return;
      sending.isHeadSent = true;
      const isLast =
        stream.isFinished && sending.bytesWaiting === 0 && stream.answerTrailers === undefined;
      this.writeFields(stream.id, stream.status, stream.fields, stream.fieldBytesMax, isLast);
      if (isLast) {
        this.owner.answerSent(stream);
        return;
      }
    }
    if (sending.bytesWaiting > 0 && !this.sendBody(stream)) return;
    if (!stream.isFinished) {
      stream.sent();
      return;
    }
    if (stream.answerTrailers !== undefined) {
      this.writeFields(stream.id, 0, stream.answerTrailers, stream.trailerBytesMax, true);
    } else if (!sending.isEndSent) this.writeData(stream, 0, true);
    this.owner.answerSent(stream);
  }

  private wait(stream: Http2Stream): void {
    if (stream.sending.isWaiting) return;
    stream.sending.isWaiting = true;
    this.waiting.push(stream);
  }

  /** Sends a quantum of the body. Returns whether that was the rest of it. */
  private sendBody(stream: Http2Stream): boolean {
    const { sending } = stream;
    let quantum = quantumBytes;
    while (sending.current !== undefined) {
      const left = sending.current.length - sending.currentSent;
      const allowed = Math.min(
        left,
        sending.windowLeft,
        this.windowLeft,
        this.frameBytesMax,
        quantum,
      );
      if (allowed <= 0) {
        // If the stream's own window is used up, the connection lists the stream when that window
        // opens.
        if (quantum <= 0) this.list(stream);
        else if (sending.windowLeft > 0) this.wait(stream);
        return false;
      }
      quantum -= allowed;
      const isLast =
        stream.isFinished &&
        stream.answerTrailers === undefined &&
        allowed === sending.bytesWaiting;
      this.writeData(stream, allowed, isLast);
    }
    return true;
  }

  private writeData(stream: Http2Stream, length: number, isLast: boolean): void {
    const { sending } = stream;
    this.makeRoom(frameHeadBytes + length);
    const { bytes } = this.block;
    const flags = isLast ? frameFlag.endStream : 0;
    const at = writeFrameHead(bytes, this.at, length, frameType.data, flags, stream.id);
    sending.isEndSent = isLast;
    this.at = at + length;
    if (length === 0) return;
    sending.current!.copy(bytes, at, sending.currentSent, sending.currentSent + length);
    this.windowLeft -= length;
    this.earned += length / bytesPerControl;
    if (sending.advance(length)) this.earned += controlPerChunk;
  }

  private writeContinue(stream: Http2Stream): void {
    stream.sending.isContinueAsked = false;
    if (stream.status === 0) this.writeFields(stream.id, 100, {}, 0, false);
  }

  /** Writes a header block. `:status` comes first, unless `status` is 0. */
  private writeFields(
    streamId: number,
    status: number,
    fields: FieldRecord,
    fieldBytesMax: number,
    isLast: boolean,
  ): void {
    const flags = isLast ? frameFlag.endStream : 0;
    const bytesMax = fieldBytesMax + spareBytes / 2;
    if (bytesMax > this.frameBytesMax || bytesMax > quantumBytes) {
      this.writeLongFields(streamId, status, fields, bytesMax, flags);
      return;
    }
    this.makeRoom(frameHeadBytes + bytesMax);
    const { bytes } = this.block;
    const from = this.at + frameHeadBytes;
    const end = this.encode(bytes, from, status, fields);
    const allFlags = flags | frameFlag.endHeaders;
    writeFrameHead(bytes, this.at, end - from, frameType.headers, allFlags, streamId);
    this.at = end;
  }

  /** Splits the block into as many frames as it needs. */
  private writeLongFields(
    streamId: number,
    status: number,
    fields: FieldRecord,
    bytesMax: number,
    flags: number,
  ): void {
    const encoded = Buffer.allocUnsafe(bytesMax);
    const length = this.encode(encoded, 0, status, fields);
    let from = 0;
    let type: number = frameType.headers;
    let typeFlags = flags;
    do {
      const to = Math.min(length, from + Math.min(this.frameBytesMax, quantumBytes));
      this.makeRoom(frameHeadBytes + to - from);
      const { bytes } = this.block;
      if (to === length) typeFlags |= frameFlag.endHeaders;
      const at = writeFrameHead(bytes, this.at, to - from, type, typeFlags, streamId);
      this.at = at + encoded.copy(bytes, at, from, to);
      type = frameType.continuation;
      typeFlags = 0;
      from = to;
    } while (from < length);
  }

  private encode(target: Buffer, at: number, status: number, fields: FieldRecord): number {
    let end = at;
    if (this.mustSayTableSize) {
      this.mustSayTableSize = false;
      target[end] = tableSizeZero;
      end += 1;
    }
    if (status !== 0) end = this.encoder.writeStatus(target, end, status);
    if (status >= 200) end = this.encoder.writeDate(target, end, fields);
    return this.encoder.write(target, end, fields);
  }

  private makeRoom(bytes: number): void {
    if (this.at + bytes > this.block.bytes.length) this.writeBlock();
  }

  private writeBlock(): void {
    const { at, block, socket } = this;
    if (at === 0) return;
    this.at = 0;
    const bytes = block.bytes.subarray(0, at);
    const isAccepted = socket.write(this.mayShareBlock ? bytes : Buffer.from(bytes));
    if (socket.writableLength === 0) return;
    if (this.mayShareBlock) block.renew();
    this.isBlocked = !isAccepted;
  }
}

/** Keeps the open streams, in their order. */
function dropClosed(streams: Http2Stream[]): void {
  let kept = 0;
  for (const stream of streams) {
    if (stream.isClosed) continue;
    streams[kept] = stream;
    kept += 1;
  }
  streams.length = kept;
}

/** RFC 9113 §6.8 */
export function goAwayPayload(lastStreamId: number, code: number, text: string): Buffer {
  const payload = Buffer.alloc(8 + text.length);
  payload.writeUInt32BE(lastStreamId, 0);
  payload.writeUInt32BE(code, 4);
  payload.write(text, 8, 'latin1');
  return payload;
}
