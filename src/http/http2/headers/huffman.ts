/*
 * The Huffman code of header strings: https://www.rfc-editor.org/rfc/rfc7541#appendix-B. It is
 * canonical (RFC 7541 §5.2): codes of one length follow each other in the order of their symbols,
 * and shorter codes precede longer ones. So the lengths alone define the code.
 */

const endOfString = 256;
const codeBitsMax = 30;

/** The lengths in bits of the codes for the symbols 0 to 256. */
const codeBits = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
  28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5,
  6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6,
  7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23,
  23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22,
  22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22,
  23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27,
  27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25,
  24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

interface Tables {
  /** Indexed by eight bits: `(length << 8) | symbol` of the code that they begin with, or 0. */
  readonly short: Uint16Array;
  /**
   * Indexed by length: the first code, the number of codes, and where their symbols begin in
   * `symbols`.
   */
  readonly firstCode: Uint32Array;
  readonly count: Uint32Array;
  readonly firstIndex: Uint32Array;
  readonly symbols: Uint16Array;
}

function createTables(): Tables {
  const short = new Uint16Array(256);
  const firstCode = new Uint32Array(codeBitsMax + 1);
  const count = new Uint32Array(codeBitsMax + 1);
  const firstIndex = new Uint32Array(codeBitsMax + 1);
  const symbols = new Uint16Array(codeBits.length);
  let code = 0;
  let index = 0;
  for (let bits = 1; bits <= codeBitsMax; bits += 1) {
    code *= 2;
    firstCode[bits] = code;
    firstIndex[bits] = index;
    for (let symbol = 0; symbol < codeBits.length; symbol += 1) {
      if (codeBits[symbol] !== bits) continue;
      symbols[index] = symbol;
      index += 1;
      if (bits <= 8) short.fill((bits << 8) | symbol, code << (8 - bits), (code + 1) << (8 - bits));
      code += 1;
    }
    count[bits] = index - firstIndex[bits]!;
  }
  return { short, firstCode, count, firstIndex, symbols };
}

/** Created when the first Huffman-coded string arrives. */
let tables: Tables | undefined;

/** The most bytes that this many encoded bytes can decode to: the shortest code has five bits. */
export function huffmanBytesMax(encodedBytes: number): number {
  return Math.floor((encodedBytes * 8) / 5);
}

/**
 * Decodes `bytes[from, to)` into `target`, which has room for `huffmanBytesMax`. Returns the number
 * of bytes written, or -1 if the code is invalid: it contains the end-of-string symbol, or its
 * padding is longer than seven bits or not the beginning of that symbol (RFC 7541 §5.2).
 */
export function decodeHuffman(
  bytes: Uint8Array,
  from: number,
  to: number,
  target: Uint8Array,
): number {
  tables ??= createTables();
  const { short } = tables;
  const end = to * 8;
  let position = from * 8;
  let written = 0;
  while (position < end) {
    const at = position >>> 3;
    const next = at + 1 < to ? bytes[at + 1]! : 0xff;
    const peeked = (((bytes[at]! << 8) | next) >>> (8 - (position & 7))) & 0xff;
    const found = short[peeked]!;
    if (found !== 0) {
      position += found >>> 8;
      if (position > end) return -1;
      target[written] = found & 0xff;
      written += 1;
      continue;
    }
    const long = decodeLong(tables, bytes, position, end);
    if (long === padding) break;
    if (long < 0) return -1;
    target[written] = long & 0xff;
    written += 1;
    position += long >>> 8;
  }
  return written;
}

const padding = -1;
const broken = -2;

/**
 * Decodes a code of more than eight bits, bit by bit. Returns `(length << 8) | symbol`, or
 * `padding` or `broken`.
 */
function decodeLong(tables: Tables, bytes: Uint8Array, from: number, end: number): number {
  let code = 0;
  for (let bits = 1; bits <= codeBitsMax; bits += 1) {
    const position = from + bits - 1;
    if (position === end) return bits - 1 < 8 && code === (1 << (bits - 1)) - 1 ? padding : broken;
    code = code * 2 + ((bytes[position >>> 3]! >>> (7 - (position & 7))) & 1);
    const offset = code - tables.firstCode[bits]!;
    if (offset < 0 || offset >= tables.count[bits]!) continue;
    const symbol = tables.symbols[tables.firstIndex[bits]! + offset]!;
    return symbol === endOfString ? broken : (bits << 8) | symbol;
  }
  return broken;
}
