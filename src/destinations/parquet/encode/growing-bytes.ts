/** A buffer that grows as values are written at its end, and is used again after `clear`. */
export interface GrowingBytes {
  readonly length: () => number;
  /** What is written so far, or a part of it. Valid until the next write. */
  written(from?: number, to?: number): Buffer;
  /** 0 to 255. */
  int8(value: number): void;
  int32(value: number): void;
  int64(value: bigint): void;
  double(value: number): void;
  /** 128 bits with a sign, the highest byte first. */
  int128(value: bigint): void;
  /** UTF-8, after its length in 32 bits. */
  lengthAndText(value: string): void;
  /** The bytes of hexadecimal digits; hyphens between them are skipped. */
  hex(value: string): void;
  copy(from: Uint8Array): void;
  /** Whether the bytes of one range are below those of another, without a sign: the order of UTF-8. */
  isBelow(start: number, end: number, otherStart: number, otherEnd: number): boolean;
  clear(): void;
}

const sizeAtFirst = 4096;
/** Up to this length a loop is faster than a call of `Buffer.write`. */
const shortMax = 48;

/** The value of each hexadecimal digit by its character. */
const digits = new Uint8Array(128);
for (const digit of '0123456789abcdefABCDEF') {
  digits[digit.charCodeAt(0)] = Number.parseInt(digit, 16);
}
const hyphen = 0x2d;

export function createGrowingBytes(): GrowingBytes {
  let bytes = Buffer.allocUnsafe(sizeAtFirst);
  let end = 0;

  const room = (more: number): void => {
    if (end + more <= bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(bytes.length * 2, end + more));
    bytes.copy(larger, 0, 0, end);
    bytes = larger;
  };

  return {
    length: () => end,
    written: (from = 0, to = end) => bytes.subarray(from, to),
    int8(value) {
      room(1);
      bytes[end] = value;
      end += 1;
    },
    int32(value) {
      room(4);
      end = bytes.writeInt32LE(value, end);
    },
    int64(value) {
      room(8);
      end = bytes.writeBigInt64LE(value, end);
    },
    double(value) {
      room(8);
      end = bytes.writeDoubleLE(value, end);
    },
    int128(value) {
      room(16);
      bytes.writeBigInt64BE(value >> 64n, end);
      end = bytes.writeBigUInt64BE(BigInt.asUintN(64, value), end + 8);
    },
    lengthAndText(value) {
      room(4 + value.length * 3);
      const length = writeText(bytes, value, end + 4);
      end = bytes.writeInt32LE(length, end) + length;
    },
    hex(value) {
      room(value.length);
      for (let at = 0; at + 1 < value.length; at += 2) {
        if (value.charCodeAt(at) === hyphen) at += 1;
        bytes[end] = (digits[value.charCodeAt(at)]! << 4) | digits[value.charCodeAt(at + 1)]!;
        end += 1;
      }
    },
    copy(from) {
      room(from.length);
      bytes.set(from, end);
      end += from.length;
    },
    isBelow(start, stop, otherStart, otherStop) {
      const length = Math.min(stop - start, otherStop - otherStart);
      for (let at = 0; at < length; at += 1) {
        const [one, other] = [bytes[start + at]!, bytes[otherStart + at]!];
        if (one !== other) return one < other;
      }
      return stop - start < otherStop - otherStart;
    },
    clear() {
      end = 0;
    },
  };
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
