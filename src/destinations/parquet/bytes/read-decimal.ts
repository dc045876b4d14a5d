import { dot, minus, nine, zero } from '../../../event/json/json-codes.ts';

/** Numbers of so many digits are all different as doubles, and a double holds them without their point. */
const digitsMax = 15;

/** What `readDecimal` has read: `size` without its sign, and how many digits of it are after the point. */
export const decimal = { size: 0, isNegative: false, places: 0 };

/**
 * Reads a number as most are: a few digits, and no exponent. False for everything else, also for numbers of JSON that
 * are written in another way.
 */
export function readDecimal(bytes: Uint8Array, start: number, end: number): boolean {
  const isNegative = bytes[start] === minus;
  let at = isNegative ? start + 1 : start;
  // With the point.
  if (end - at > digitsMax || at === end) return false;
  let size = 0;
  let point = -1;
  for (; at < end; at += 1) {
    const code = bytes[at]!;
    if (code >= zero && code <= nine) size = size * 10 + code - zero;
    else if (code === dot && point === -1) point = at;
    else return false;
  }
  decimal.size = size;
  decimal.isNegative = isNegative;
  decimal.places = point === -1 ? 0 : end - point - 1;
  return true;
}
