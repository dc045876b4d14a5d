import { startsWith } from '../../event/json/find-json.ts';
import {
  backslash,
  brace,
  braceEnd,
  bracket,
  bracketEnd,
  colon,
  comma,
  dot,
  isDigit,
  minus,
  nine,
  plus,
  quote,
  zero,
} from '../../event/json/json-codes.ts';

/*
 * Reads JSON where it is, in the bytes of a payload: no text is made of it, and no value. A payload has to be valid
 * UTF-8, and JSON without spaces between its tokens; everything else is read in another way.
 */
/** What `valueEnd` found, of the value that it read last. Reused: it is called for each property. */
export const found = {
  /** It is written as `JSON.stringify` writes it, so that its bytes need not be written again. */
  isCanonical: true,
  /** It is a number that JavaScript writes in another way, or has one. */
  hasOddNumber: false,
  /** Of a number: its digits without the point, and how many are behind that. Only if `isShort`. */
  mantissa: 0,
  fraction: 0,
  /** A number of at most 15 digits without an exponent, and not -0. A double holds its digits. */
  isShort: false,
};

/** Deeper values are read in another way. */
const depthMax = 60;
const digitsMax = 15;

/** What comes after the value that begins at `start`, or -1 if it is not JSON without spaces. */
export function valueEnd(bytes: Uint8Array, start: number): number {
  found.isCanonical = true;
  found.hasOddNumber = false;
  found.isShort = false;
  namesHeld = 0;
  const end = anyEnd(bytes, start, 0);
  const first = bytes[start];
  // Not a number within it.
  if (first === brace || first === bracket) found.isShort = false;
  return end;
}

function anyEnd(bytes: Uint8Array, start: number, depth: number): number {
  const first = bytes[start];
  if (first === quote) return stringEnd(bytes, start + 1);
  if (first === brace) return depth === depthMax ? -1 : objectEnd(bytes, start + 1, depth + 1);
  if (first === bracket) return depth === depthMax ? -1 : arrayEnd(bytes, start + 1, depth + 1);
  if (first === minus || (first !== undefined && isDigit(first))) return numberEnd(bytes, start);
  return wordEnd(bytes, start);
}

function arrayEnd(bytes: Uint8Array, start: number, depth: number): number {
  if (bytes[start] === bracketEnd) return start + 1;
  for (let at = start; ; at += 1) {
    at = anyEnd(bytes, at, depth);
    if (at === -1) return -1;
    const next = bytes[at];
    if (next === bracketEnd) return at + 1;
    if (next !== comma) return -1;
  }
}

/** The hashes of the names in the objects that are being read, those of the innermost last. */
const nameHashes = new Int32Array(256);
let namesHeld = 0;

function objectEnd(bytes: Uint8Array, start: number, depth: number): number {
  if (bytes[start] === braceEnd) return start + 1;
  const before = namesHeld;
  for (let at = start; ; at += 1) {
    at = nameEnd(bytes, at, before);
    if (at === -1) return -1;
    at = anyEnd(bytes, at, depth);
    if (at === -1) return -1;
    const next = bytes[at];
    if (next === braceEnd) {
      namesHeld = before;
      return at + 1;
    }
    if (next !== comma) return -1;
  }
}

/**
 * Where the value of a name begins, or -1. An object in which a name may come twice, or may be the index of an
 * array, would be written in another way: with one of the values, or in another order.
 */
function nameEnd(bytes: Uint8Array, start: number, firstName: number): number {
  if (bytes[start] !== quote) return -1;
  const first = bytes[start + 1];
  if (first === undefined || isDigit(first)) found.isCanonical = false;
  const end = stringEnd(bytes, start + 1);
  if (end === -1 || bytes[end] !== colon) return -1;
  if (!found.isCanonical) return end + 1;
  let hash = 0;
  for (let at = start + 1; at < end; at += 1) hash = (Math.imul(hash, 31) + bytes[at]!) | 0;
  for (let index = firstName; index < namesHeld; index += 1) {
    if (nameHashes[index] === hash) found.isCanonical = false;
  }
  if (namesHeld === nameHashes.length) found.isCanonical = false;
  else {
    nameHashes[namesHeld] = hash;
    namesHeld += 1;
  }
  return end + 1;
}

/** What comes after the quote that ends a string, or -1. */
function stringEnd(bytes: Uint8Array, start: number): number {
  const { length } = bytes;
  for (let at = start; at < length; at += 1) {
    const byte = bytes[at]!;
    if (byte === quote) return at + 1;
    if (byte === backslash) {
      found.isCanonical = false;
      at += escapeLength(bytes, at + 1);
    } else if (byte <= 0x1f) return -1;
  }
  return -1;
}

const letterU = 0x75;
/** `"\/bfnrt` */
const shortEscapes: ReadonlySet<number> = new Set([quote, backslash, 0x2f, 98, 102, 110, 114, 116]);

/** How many bytes follow the backslash; more than any payload has if it is no escape of JSON. */
function escapeLength(bytes: Uint8Array, start: number): number {
  const first = bytes[start]!;
  if (shortEscapes.has(first)) return 1;
  if (first !== letterU) return Number.MAX_SAFE_INTEGER;
  for (let at = start + 1; at <= start + 4; at += 1) {
    const byte = bytes[at] ?? 0;
    const letter = byte | 0x20;
    if (!isDigit(byte) && !(letter >= 0x61 && letter <= 0x66)) return Number.MAX_SAFE_INTEGER;
  }
  return 5;
}

const words = ['true', 'false', 'null'].map((word) => Buffer.from(word));

function wordEnd(bytes: Uint8Array, start: number): number {
  for (const word of words) if (startsWith(bytes, start, word)) return start + word.length;
  return -1;
}

function numberEnd(bytes: Uint8Array, start: number): number {
  const isNegative = bytes[start] === minus;
  const whole = isNegative ? start + 1 : start;
  let at = whole;
  let mantissa = 0;
  for (let byte = bytes[at]!; byte >= zero && byte <= nine; byte = bytes[at]!) {
    mantissa = mantissa * 10 + (byte - zero);
    at += 1;
  }
  let digits = at - whole;
  if (digits === 0 || (digits > 1 && bytes[whole] === zero)) return -1;
  const point = at;
  if (bytes[at] === dot) {
    at += 1;
    for (let byte = bytes[at]!; byte >= zero && byte <= nine; byte = bytes[at]!) {
      mantissa = mantissa * 10 + (byte - zero);
      at += 1;
    }
    if (at === point + 1) return -1;
    digits += at - point - 1;
  }
  const fraction = Math.max(0, at - point - 1);
  // 0x20 makes an E an e.
  if ((bytes[at]! | 0x20) === 0x65) {
    found.isShort = false;
    found.isCanonical = false;
    found.hasOddNumber = true;
    return exponentEnd(bytes, at + 1);
  }
  found.isShort = digits <= digitsMax && !(isNegative && mantissa === 0);
  found.mantissa = isNegative ? -mantissa : mantissa;
  found.fraction = fraction;
  if (!found.isShort || !isCanonicalFraction(bytes, point, at, mantissa)) {
    found.isCanonical = false;
    found.hasOddNumber = true;
  }
  return at;
}

/** Without a zero at its end, and of a number that JavaScript writes without an exponent. */
function isCanonicalFraction(
  bytes: Uint8Array,
  point: number,
  end: number,
  mantissa: number,
): boolean {
  if (point === end) return true;
  return bytes[end - 1] !== zero && mantissa >= 10 ** (end - point - 1 - 6);
}

function exponentEnd(bytes: Uint8Array, start: number): number {
  const sign = bytes[start];
  const first = sign === minus || sign === plus ? start + 1 : start;
  let at = first;
  while (isDigit(bytes[at] ?? 0)) at += 1;
  return at === first ? -1 : at;
}
