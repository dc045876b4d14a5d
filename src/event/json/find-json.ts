import { backslash, quote } from './json-codes.ts';

/** Where the quote is that ends a string without escapes, or -1. */
export function plainEnd(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at += 1) {
    const code = bytes[at]!;
    if (code === quote) return at;
    if (code < 0x20 || code === backslash) return -1;
  }
  return -1;
}

/** Whether these bytes are there. */
export function startsWith(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if (bytes[at + index] !== text[index]) return false;
  }
  return true;
}
