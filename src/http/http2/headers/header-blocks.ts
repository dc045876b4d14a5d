import { ConnectionError, errorCode, frameFlag, readUint31, ruleBroken } from '../frames.ts';
import { HpackDecoder } from './hpack-decode.ts';
import type { Http2Limits } from '../limits.ts';
import { BlockMemory, RequestHead } from './request-head.ts';

/** What the frames of one header block say besides its fields. */
export interface BlockInfo {
  streamId: number;
  isEndStream: boolean;
  isTrailers: boolean;
  /** Its priority makes the stream depend on itself (RFC 7540 §5.3.1). */
  dependsOnItself: boolean;
}

/**
 * Assembles and decodes the header blocks of a connection, from HEADERS and CONTINUATION (RFC 9113
 * §6.2, §6.10). Every block is decoded, even an ignored one, because the next block may refer to
 * it.
 */
export class HeaderBlocks {
  readonly info: BlockInfo = {
    streamId: 0,
    isEndStream: false,
    isTrailers: false,
    dependsOnItself: false,
  };
  /** The fields of the last complete block. */
  readonly head: RequestHead;
  private readonly limits: Http2Limits;
  private readonly decoder = new HpackDecoder();
  private readonly memory = new BlockMemory();
  private parts: Buffer[] = [];
  private partBytes = 0;
  isOpen = false;

  constructor(limits: Http2Limits) {
    this.limits = limits;
    this.head = new RequestHead(limits.headerListBytesMax);
  }

  /** Takes HEADERS. Returns true once the block is complete and decoded. */
  begin(
    flags: number,
    streamId: number,
    isTrailers: boolean,
    bytes: Buffer,
    payloadFrom: number,
    payloadTo: number,
  ): boolean {
    const { info } = this;
    let from = payloadFrom;
    let to = payloadTo;
    if ((flags & frameFlag.padded) !== 0) {
      const padding = from < to ? bytes[from]! : 256;
      from += 1;
      to -= padding;
    }
    info.dependsOnItself = false;
    if ((flags & frameFlag.priority) !== 0) {
      if (to - from >= 5) info.dependsOnItself = readUint31(bytes, from) === streamId;
      from += 5;
    }
    if (from > to) throw ruleBroken('HEADERS is shorter than its padding');
    info.streamId = streamId;
    info.isEndStream = (flags & frameFlag.endStream) !== 0;
    info.isTrailers = isTrailers;
    if ((flags & frameFlag.endHeaders) !== 0) {
      this.read(bytes, from, to);
      return true;
    }
    this.isOpen = true;
    this.keep(bytes, from, to);
    return false;
  }

  /** Takes CONTINUATION. Returns as `begin` does. */
  continue(flags: number, streamId: number, bytes: Buffer, from: number, to: number): boolean {
    if (!this.isOpen || streamId !== this.info.streamId) {
      throw ruleBroken('CONTINUATION continues nothing');
    }
    this.keep(bytes, from, to);
    if ((flags & frameFlag.endHeaders) === 0) return false;
    const whole = Buffer.concat(this.parts, this.partBytes);
    this.parts = [];
    this.partBytes = 0;
    this.isOpen = false;
    this.read(whole, 0, whole.length);
    return true;
  }

  private keep(bytes: Buffer, from: number, to: number): void {
    this.parts.push(Buffer.from(bytes.subarray(from, to)));
    this.partBytes += to - from;
    const { continuationFramesMax, headerBlockBytesMax } = this.limits;
    if (this.parts.length > continuationFramesMax + 1 || this.partBytes > headerBlockBytesMax) {
      throw new ConnectionError(errorCode.enhanceYourCalm, 'a header block has no end');
    }
  }

  private read(bytes: Buffer, from: number, to: number): void {
    const { decoder, head, info, memory } = this;
    const { version } = decoder;
    if (!info.isTrailers && memory.lookUp(bytes, from, to, version, head)) return;
    head.begin(info.isTrailers);
    decoder.decode(bytes, from, to, head);
    head.finish();
    const isValid = !info.isTrailers && !head.isMalformed && !head.isTooLarge;
    if (isValid && decoder.version === version) memory.remember(bytes, from, to, version, head);
  }
}
