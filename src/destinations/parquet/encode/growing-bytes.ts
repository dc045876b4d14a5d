/** Bytes that are read, with a view of the same memory that reads several of them at once. */
export interface ByteSource {
  readonly bytes: Buffer;
  readonly view: DataView;
}

/** A source of all of these bytes. */
export function byteSource(bytes: Uint8Array): ByteSource {
  const { buffer, byteOffset, length } = bytes;
  return {
    bytes: Buffer.from(buffer, byteOffset, length),
    view: new DataView(buffer, byteOffset, length),
  };
}

const sizeAtFirst = 4096;
/** Up to this length a loop is faster than a call of `Buffer.write` or `Buffer.copy`. */
const shortMax = 48;

/** The value of each hexadecimal digit by its character, and 255 for other characters. */
const digits = new Uint8Array(256).fill(255);
for (const digit of '0123456789abcdefABCDEF') {
  digits[digit.charCodeAt(0)] = Number.parseInt(digit, 16);
}
const hyphen = 0x2d;
const uuidLength = 36;
const uuidBytes = 16;

/** Numbers are multiplied in parts of this many bits, so that a double holds each product. */
const partSize = 2 ** 24;
/** The largest power of ten that `scaled` multiplies by. */
export const powerMax = 18;
/** The parts of the powers of ten: the lowest parts of all, those above, and the highest. */
const powers = [0n, 24n, 48n].map((bits) =>
  Float64Array.from({ length: powerMax + 1 }, (_, power) =>
    Number(((10n ** BigInt(power)) >> bits) & 0xffffffn),
  ),
);

/** A buffer that grows as values are written at its end, and is used again after `clear`. */
export class GrowingBytes implements ByteSource {
  bytes = Buffer.allocUnsafeSlow(sizeAtFirst);
  view = new DataView(this.bytes.buffer);
  /** How many are written. */
  end = 0;

  /** What is written so far, or a part of it. Valid until the next write. */
  written(from = 0, to = this.end): Buffer {
    return this.bytes.subarray(from, to);
  }

  /** Makes room for so many more bytes. */
  room(more: number): void {
    if (this.end + more > this.bytes.length) this.grow(more);
  }

  private grow(more: number): void {
    // Slow: from no pool, so that the view is of the same memory.
    const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.end + more));
    this.bytes.copy(larger, 0, 0, this.end);
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }

  /** 0 to 255. */
  int8(value: number): void {
    this.room(1);
    this.bytes[this.end] = value;
    this.end += 1;
  }

  int32(value: number): void {
    this.room(4);
    this.view.setInt32(this.end, value, true);
    this.end += 4;
  }

  int64(value: bigint): void {
    this.room(8);
    this.view.setBigInt64(this.end, value, true);
    this.end += 8;
  }

  /** A whole number of 64 bits, which a double holds exactly. */
  wholeNumber(value: number): void {
    this.room(8);
    const high = Math.floor(value / 2 ** 32);
    this.view.setInt32(this.end, value - high * 2 ** 32, true);
    this.view.setInt32(this.end + 4, high, true);
    this.end += 8;
  }

  /** The same for nanoseconds, from whole milliseconds since 1970 and what is below them. */
  nanoseconds(ms: number, nanosBelowMs: number): void {
    this.room(8);
    const upper = Math.floor(ms / partSize);
    // 64 bits: the upper part counts units of 2^24.
    const product = upper * 1e6;
    const carried = Math.floor(product / 2 ** 8);
    const low =
      (ms - upper * partSize) * 1e6 + nanosBelowMs + (product - carried * 2 ** 8) * partSize;
    const high = Math.floor(low / 2 ** 32);
    this.view.setInt32(this.end, low - high * 2 ** 32, true);
    this.view.setInt32(this.end + 4, carried + high, true);
    this.end += 8;
  }

  double(value: number): void {
    this.room(8);
    this.view.setFloat64(this.end, value, true);
    this.end += 8;
  }

  /** 128 bits with a sign, the highest byte first. */
  int128(value: bigint): void {
    this.room(16);
    this.view.setBigInt64(this.end, value >> 64n);
    this.view.setBigInt64(this.end + 8, BigInt.asIntN(64, value));
    this.end += 16;
  }

  /**
   * The same for a whole number times a power of ten.
   *
   * @param size below 10^15.
   * @param power up to `powerMax`.
   */
  scaled(size: number, isNegative: boolean, power: number): void {
    const p0 = powers[0]![power]!;
    const p1 = powers[1]![power]!;
    const p2 = powers[2]![power]!;
    const upper = Math.floor(size / partSize);
    const s2 = Math.floor(upper / partSize);
    const s0 = size - upper * partSize;
    const s1 = upper - s2 * partSize;
    const r0 = s0 * p0;
    const r1 = s0 * p1 + s1 * p0 + Math.floor(r0 / partSize);
    const r2 = s0 * p2 + s1 * p1 + s2 * p0 + Math.floor(r1 / partSize);
    const r3 = s1 * p2 + s2 * p1 + Math.floor(r2 / partSize);
    const r4 = s2 * p2 + Math.floor(r3 / partSize);
    // Of 24 bits each now, and put together to 32.
    const t1 = r1 % partSize;
    const t2 = r2 % partSize;
    const t3 = r3 % partSize;
    let w0 = (r0 % partSize) | ((t1 & 0xff) << 24);
    let w1 = (t1 >>> 8) | ((t2 & 0xffff) << 16);
    let w2 = (t2 >>> 16) | (t3 << 8);
    let w3 = r4 | 0;
    if (isNegative) {
      w0 = -w0 | 0;
      w1 = (w0 === 0 ? -w1 : ~w1) | 0;
      w2 = (w0 === 0 && w1 === 0 ? -w2 : ~w2) | 0;
      w3 = (w0 === 0 && w1 === 0 && w2 === 0 ? -w3 : ~w3) | 0;
    }
    this.room(16);
    this.view.setInt32(this.end, w3);
    this.view.setInt32(this.end + 4, w2);
    this.view.setInt32(this.end + 8, w1);
    this.view.setInt32(this.end + 12, w0);
    this.end += 16;
  }

  /** UTF-8, after its length in 32 bits. */
  lengthAndText(value: string): void {
    this.room(4 + value.length * 3);
    const length = writeText(this.bytes, value, this.end + 4);
    this.view.setInt32(this.end, length, true);
    this.end += 4 + length;
  }

  /** The same for bytes that are UTF-8 already. */
  lengthAndPart(source: ByteSource, start: number, stop: number): void {
    this.room(4 + stop - start);
    this.view.setInt32(this.end, stop - start, true);
    this.end += 4;
    this.part(source, start, stop);
  }

  /** Bytes of a source. */
  part({ bytes, view }: ByteSource, start: number, stop: number): void {
    const length = stop - start;
    this.room(length);
    if (length > shortMax) {
      bytes.copy(this.bytes, this.end, start, stop);
    } else {
      let to = this.end;
      let at = start;
      for (; at + 4 <= stop; at += 4, to += 4) this.view.setInt32(to, view.getInt32(at));
      for (; at < stop; at += 1, to += 1) this.bytes[to] = bytes[at]!;
    }
    this.end += length;
  }

  /** The bytes of hexadecimal digits; hyphens between them are skipped. */
  hex(value: string): void {
    this.room(value.length);
    for (let at = 0; at + 1 < value.length; at += 2) {
      if (value.charCodeAt(at) === hyphen) at += 1;
      this.bytes[this.end] =
        (digits[value.charCodeAt(at)]! << 4) | digits[value.charCodeAt(at + 1)]!;
      this.end += 1;
    }
  }

  /** The same for a UUID. False, and nothing is written, if it is another text. */
  uuid({ bytes }: ByteSource, start: number, stop: number): boolean {
    if (stop - start !== uuidLength) return false;
    this.room(uuidBytes);
    let at = start;
    for (let byte = 0; byte < uuidBytes; byte += 1) {
      if (byte === 4 || byte === 6 || byte === 8 || byte === 10) {
        if (bytes[at] !== hyphen) return false;
        at += 1;
      }
      const high = digits[bytes[at]!]!;
      const low = digits[bytes[at + 1]!]!;
      // One that is no digit has all bits.
      if ((high | low) > 15) return false;
      this.bytes[this.end + byte] = (high << 4) | low;
      at += 2;
    }
    this.end += uuidBytes;
    return true;
  }

  copy(from: Uint8Array): void {
    this.room(from.length);
    this.bytes.set(from, this.end);
    this.end += from.length;
  }

  /** Whether the bytes of one range are below those of another, without a sign: the order of UTF-8. */
  isBelow(start: number, stop: number, otherStart: number, otherStop: number): boolean {
    const { bytes, view } = this;
    const length = Math.min(stop - start, otherStop - otherStart);
    let at = 0;
    for (; at + 4 <= length; at += 4) {
      const one = view.getInt32(start + at);
      const other = view.getInt32(otherStart + at);
      if (one !== other) return one >>> 0 < other >>> 0;
    }
    for (; at < length; at += 1) {
      const one = bytes[start + at]!;
      const other = bytes[otherStart + at]!;
      if (one !== other) return one < other;
    }
    return stop - start < otherStop - otherStart;
  }

  /** Whether bytes of a source are what is written from a place on. */
  isAt(place: number, source: ByteSource, start: number, stop: number): boolean {
    const { bytes, view } = source;
    let to = place;
    let at = start;
    for (; at + 4 <= stop; at += 4, to += 4) {
      if (this.view.getInt32(to) !== view.getInt32(at)) return false;
    }
    for (; at < stop; at += 1, to += 1) if (this.bytes[to] !== bytes[at]) return false;
    return true;
  }

  /** Of what is written between two places. The same in every process, because files must not differ. */
  hashOf(start: number, stop: number): number {
    const { bytes, view } = this;
    let hash = stop - start;
    let at = start;
    for (; at + 4 <= stop; at += 4) hash = mixed(hash, view.getInt32(at, true));
    for (; at < stop; at += 1) hash = mixed(hash, bytes[at]!);
    hash = Math.imul(hash ^ (hash >>> 16), 0xc2b2ae35);
    return hash ^ (hash >>> 13);
  }

  clear(): void {
    this.end = 0;
  }
}

function mixed(hash: number, value: number): number {
  const product = Math.imul(hash ^ value, 0x9e3779b1);
  return product ^ (product >>> 15);
}

/** Returns how many bytes the text has. */
function writeText(bytes: Buffer, value: string, start: number): number {
  if (value.length > shortMax) return bytes.write(value, start);
  for (let at = 0; at < value.length; at += 1) {
    const code = value.charCodeAt(at);
    if (code > 0x7f) return bytes.write(value, start);
    bytes[start + at] = code;
  }
  return value.length;
}
