import { plainEnd } from '../../../event/json/find-json.ts';
import {
  brace,
  braceEnd,
  bracket,
  bracketEnd,
  colon,
  comma,
  isDigit,
  quote,
  zero,
} from '../../../event/json/json-codes.ts';
import { decimal, readDecimal } from './read-decimal.ts';

/** An object of more names takes too long here. */
const namesMax = 32;
const depthMax = 32;
/** Hashes of the names of the open objects, those of each after those of the one around it. */
const hashes = new Int32Array(namesMax * depthMax);
/** Of each depth: where its names begin, or -1 in an array. */
const firsts = new Int32Array(depthMax + 1);
/** Digits after the point of numbers that JavaScript writes without an exponent. */
const placesMax = 6;

/**
 * Whether JSON is what `JSON.stringify` makes of its value, so that it need not be made: without escapes, with short
 * numbers, and with names in the order in which objects have them. False where it takes longer to find out.
 *
 * @param bytes have JSON without spaces there.
 */
export function isAsWritten(bytes: Uint8Array, start: number, end: number): boolean {
  let depth = 0;
  let names = 0;
  let at = start;
  firsts[0] = -1;
  while (at < end) {
    const code = bytes[at]!;
    if (code === quote) {
      const stop = plainEnd(bytes, at + 1, end);
      if (stop === -1) return false;
      if (bytes[stop + 1] === colon) {
        const first = firsts[depth]!;
        if (names - first === namesMax || !isNew(bytes, at + 1, stop, first, names)) return false;
        names += 1;
        at = stop + 2;
      } else {
        at = stop + 1;
      }
    } else if (code === brace || code === bracket) {
      if (depth === depthMax - 1) return false;
      depth += 1;
      firsts[depth] = names;
      at += 1;
    } else if (code === braceEnd || code === bracketEnd) {
      names = firsts[depth]!;
      depth -= 1;
      at += 1;
    } else if (code === comma || isLetter(code)) {
      at += 1;
    } else {
      const stop = numberEnd(bytes, at, end);
      if (!isShort(bytes, at, stop)) return false;
      at = stop;
    }
  }
  return true;
}

/** Those of `true`, `false` and `null`: no other stands outside of a string, but for the `e` of a number. */
function isLetter(code: number): boolean {
  return code >= 0x61 && code <= 0x7a;
}

/** Notes a name of the object. False if it may be there already, or may be a number, which objects have first. */
function isNew(
  bytes: Uint8Array,
  start: number,
  end: number,
  first: number,
  names: number,
): boolean {
  if (isDigit(bytes[start]!)) return false;
  let hash = end - start;
  for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  for (let name = first; name < names; name += 1) if (hashes[name] === hash) return false;
  hashes[names] = hash;
  return true;
}

function numberEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  for (; at < end; at += 1) {
    const code = bytes[at]!;
    if (code === comma || code === braceEnd || code === bracketEnd) break;
  }
  return at;
}

function isShort(bytes: Uint8Array, start: number, end: number): boolean {
  if (!readDecimal(bytes, start, end)) return false;
  const { size, isNegative, places } = decimal;
  if (size === 0) return !isNegative && places === 0;
  return places === 0 || (places <= placesMax && bytes[end - 1] !== zero);
}
