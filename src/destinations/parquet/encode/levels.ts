import type { GrowingBytes } from './growing-bytes.ts';

/**
 * Numbers of a few bits, as RLE_DICTIONARY has indexes and a page its levels: one run if all are the same, else
 * all packed, the lowest bits first.
 * https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE
 *
 * @param bitWidth up to 24.
 */
export function packBits(
  bytes: GrowingBytes,
  values: Uint32Array | Uint8Array,
  bitWidth: number,
): void {
  const { length } = values;
  if (length === 0) return;
  const first = values[0]!;
  if (isAll(values, first)) {
    varint(bytes, length * 2);
    for (let bits = 0; bits < bitWidth; bits += 8) bytes.int8((first >>> bits) & 0xff);
    return;
  }
  const groups = Math.ceil(length / 8);
  varint(bytes, groups * 2 + 1);
  bytes.room(groups * bitWidth);
  const to = bytes.bytes;
  let end = bytes.end;
  // At most 24 bits wait beside the 7 of a byte that is not full.
  let waiting = 0;
  let bits = 0;
  for (let at = 0; at < groups * 8; at += 1) {
    if (at < length) waiting |= values[at]! << bits;
    bits += bitWidth;
    while (bits >= 8) {
      to[end] = waiting & 0xff;
      end += 1;
      waiting >>>= 8;
      bits -= 8;
    }
  }
  bytes.end = end;
}

function isAll(values: Uint32Array | Uint8Array, first: number): boolean {
  for (let at = 1; at < values.length; at += 1) if (values[at] !== first) return false;
  return true;
}

function varint(bytes: GrowingBytes, value: number): void {
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.int8((rest & 0x7f) | 0x80);
  bytes.int8(rest);
}

/** Bits that hold a number. */
export function bitsOf(value: number): number {
  return 32 - Math.clz32(value);
}
