import {
  clientPreface,
  frameFlag,
  frameHeadBytes,
  frameType,
  initialFrameBytesMax,
  readUint24,
  readUint31,
  ruleBroken,
  sizeBroken,
} from './frames.ts';

/** Takes frames. Its errors are passed on to the caller of `read`. */
export interface FrameSink {
  /** A whole frame; its payload is `bytes[from, to)`. */
  frame(
    type: number,
    flags: number,
    streamId: number,
    bytes: Buffer,
    from: number,
    to: number,
  ): void;
  /** The start of a DATA frame without padding. Its payload follows in parts. */
  dataBegins(flags: number, streamId: number, length: number): void;
  dataPart(bytes: Buffer, from: number, to: number, isLast: boolean): void;
}

const noBytes = Buffer.alloc(0);

/**
 * Cuts the bytes from the socket into frames, without copying them. An incomplete frame is kept, at
 * most initialFrameBytesMax bytes of it, but the payload of DATA is passed on as it arrives.
 */
export class FrameReader {
  private readonly sink: FrameSink;
  private partial: Buffer = noBytes;
  private prefaceRead = 0;
  private dataLeft = 0;
  /** The sink sets this to stop reading. */
  isStopped = false;

  constructor(sink: FrameSink) {
    this.sink = sink;
  }

  /** True if a frame has begun and its rest has not arrived. */
  get isWithinFrame(): boolean {
    return this.partial.length > 0 || this.dataLeft > 0 || this.prefaceRead < clientPreface.length;
  }

  /** Throws a ConnectionError, and any error that the sink throws. */
  read(chunk: Buffer): void {
    let at = this.prefaceRead < clientPreface.length ? this.readPreface(chunk) : 0;
    if (this.dataLeft > 0) at = this.continueData(chunk, at);
    if (this.partial.length > 0) at = this.completePartial(chunk, at);
    const end = chunk.length;
    while (end - at >= frameHeadBytes && !this.isStopped) {
      const length = lengthAt(chunk, at);
      const from = at + frameHeadBytes;
      if (end - from < length) {
        if (!isOpenData(chunk, at)) break;
        this.beginData(chunk, at, length);
        at = this.continueData(chunk, from);
        return;
      }
      const streamId = readUint31(chunk, at + 5);
      this.sink.frame(chunk[at + 3]!, chunk[at + 4]!, streamId, chunk, from, from + length);
      at = from + length;
    }
    if (at < end && !this.isStopped) this.partial = Buffer.from(chunk.subarray(at));
  }

  private readPreface(chunk: Buffer): number {
    const wanted = clientPreface.length - this.prefaceRead;
    const taken = Math.min(wanted, chunk.length);
    const { prefaceRead } = this;
    if (clientPreface.compare(chunk, 0, taken, prefaceRead, prefaceRead + taken) !== 0) {
      throw ruleBroken('this is no preface of HTTP/2');
    }
    this.prefaceRead += taken;
    return taken;
  }

  private beginData(bytes: Buffer, at: number, length: number): void {
    this.dataLeft = length;
    this.sink.dataBegins(bytes[at + 4]!, readUint31(bytes, at + 5), length);
  }

  private continueData(chunk: Buffer, at: number): number {
    const taken = Math.min(this.dataLeft, chunk.length - at);
    if (taken === 0) return at;
    this.dataLeft -= taken;
    this.sink.dataPart(chunk, at, at + taken, this.dataLeft === 0);
    return at + taken;
  }

  /** Takes only as many bytes of the chunk as this frame needs. */
  private completePartial(chunk: Buffer, from: number): number {
    let at = from;
    while (this.partial.length > 0 && at < chunk.length && !this.isStopped) {
      const has = this.partial.length;
      let wanted = frameHeadBytes;
      if (has >= frameHeadBytes) {
        const length = lengthAt(this.partial, 0);
        wanted += length;
        if (has === frameHeadBytes && length > 0 && isOpenData(this.partial, 0)) {
          const { partial } = this;
          this.partial = noBytes;
          this.beginData(partial, 0, length);
          return this.continueData(chunk, at);
        }
      }
      const taken = Math.min(wanted - has, chunk.length - at);
      this.partial = Buffer.concat([this.partial, chunk.subarray(at, at + taken)]);
      at += taken;
      this.emitComplete();
    }
    return at;
  }

  private emitComplete(): void {
    const { partial } = this;
    if (partial.length < frameHeadBytes) return;
    const end = frameHeadBytes + lengthAt(partial, 0);
    if (partial.length < end) return;
    this.partial = noBytes;
    const streamId = readUint31(partial, 5);
    this.sink.frame(partial[3]!, partial[4]!, streamId, partial, frameHeadBytes, end);
  }
}

/**
 * The length of the payload. Throws a ConnectionError if it exceeds the size that we announced (RFC
 * 9113 §4.2).
 */
function lengthAt(bytes: Buffer, at: number): number {
  const length = readUint24(bytes, at);
  if (length <= initialFrameBytesMax) return length;
  throw sizeBroken(`a frame has ${length} bytes`);
}

/** True for DATA whose payload may be passed on in parts. */
function isOpenData(bytes: Buffer, at: number): boolean {
  return bytes[at + 3] === frameType.data && (bytes[at + 4]! & frameFlag.padded) === 0;
}
