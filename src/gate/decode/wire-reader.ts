import { isUtf8 } from 'node:buffer';

/** The bytes are not the protocol buffers wire format. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

/** https://protobuf.dev/programming-guides/encoding/#structure */
export const wireType = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 };

/** Names come again and again: of events, and of the members of their properties. */
const namesMax = 1024;
const nameBytesMax = 40;
const names: { readonly bytes: Uint8Array; readonly text: string }[] = [];

/**
 * Reads the protocol buffers wire format in place: no object per field, no copy per message.
 * Every read throws a WireError beyond `end`.
 */
export class WireReader {
  readonly buffer: Buffer;
  position: number;
  end: number;
  /** Whether all strings were, since this was last set. */
  isAscii = true;

  constructor(buffer: Buffer, position = 0, end = buffer.length) {
    this.buffer = buffer;
    this.position = position;
    this.end = end;
  }

  /** The next field's tag; 0 at the end of the message. */
  tag(): number {
    const start = this.position;
    if (start === this.end) return 0;
    const tag = this.uint32();
    const length = this.position - start;
    // Its upper bits are not dropped as those of a value are: that would make one field another.
    if (length > 5 || (length === 5 && this.buffer[this.position - 1]! > 0x0f)) {
      throw new WireError('a field number is longer than 29 bits');
    }
    if (tag >>> 3 === 0) throw new WireError('a field has the number 0');
    return tag;
  }

  /** A varint whose upper bits are dropped, as protocol buffers does for 32-bit fields. */
  uint32(): number {
    const { buffer, end } = this;
    let at = this.position;
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= end) throw new WireError('a number is cut short');
      const byte = buffer[at]!;
      at += 1;
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.position = at;
        return value >>> 0;
      }
    }
    throw new WireError('a number is longer than ten bytes');
  }

  /** A 64-bit varint, exactly. */
  int64(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.position >= this.end) throw new WireError('a number is cut short');
      const byte = this.buffer[this.position]!;
      this.position += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw new WireError('a number is longer than ten bytes');
  }

  /** The length of what follows, checked against what is there. */
  length(): number {
    const length = this.uint32();
    if (length > this.end - this.position) throw new WireError('a field is cut short');
    return length;
  }

  string(): string {
    const length = this.length();
    const start = this.position;
    this.position = start + length;
    const text = this.buffer.toString('utf8', start, this.position);
    // A replacement character is either in the text itself or stands for bytes that are no UTF-8.
    if (text.includes('\ufffd') && !isUtf8(this.buffer.subarray(start, this.position))) {
      throw new WireError('a string is not UTF-8');
    }
    if (text.length !== length) this.isAscii = false;
    return text;
  }

  /**
   * A string that is one of few, found again by its bytes: comparing them costs a fifth of making
   * the string anew. The table is bounded; a name that meets another in its place takes it over.
   */
  name(): string {
    const { buffer } = this;
    const start = this.position;
    const length = this.uint32();
    const from = this.position;
    if (length > nameBytesMax || length === 0 || length > this.end - from) {
      this.position = start;
      return this.string();
    }
    const last = from + length - 1;
    const place =
      (length * 31 + buffer[from]! * 7 + buffer[last]! * 131 + buffer[from + (length >> 1)]! * 17) %
      namesMax;
    const known = names[place];
    if (known !== undefined && known.bytes.length === length) {
      let at = 0;
      while (at < length && known.bytes[at] === buffer[from + at]) at += 1;
      if (at === length) {
        this.position = last + 1;
        if (known.text.length !== length) this.isAscii = false;
        return known.text;
      }
    }
    this.position = start;
    const text = this.string();
    names[place] = { bytes: Uint8Array.prototype.slice.call(buffer, from, last + 1), text };
    return text;
  }

  double(): number {
    if (this.end - this.position < 8) throw new WireError('a number is cut short');
    const value = this.buffer.readDoubleLE(this.position);
    this.position += 8;
    return value;
  }

  /** Enters the message that begins here; hand the result to `leave`. */
  enter(): number {
    const length = this.length();
    const outerEnd = this.end;
    this.end = this.position + length;
    return outerEnd;
  }

  leave(outerEnd: number): void {
    this.position = this.end;
    this.end = outerEnd;
  }

  skip(tag: number): void {
    switch (tag & 7) {
      case wireType.varint:
        this.int64();
        break;
      case wireType.fixed64:
        this.advance(8);
        break;
      case wireType.bytes:
        this.advance(this.length());
        break;
      case wireType.fixed32:
        this.advance(4);
        break;
      default:
        throw new WireError('groups are not part of this contract');
    }
  }

  private advance(bytes: number): void {
    if (bytes > this.end - this.position) throw new WireError('a field is cut short');
    this.position += bytes;
  }
}
