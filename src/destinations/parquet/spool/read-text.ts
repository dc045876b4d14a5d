import type { BytesPart } from './lot-events.ts';

const slots = 64;

/** Reads a text. Most texts are one of a few, which are made once. */
export type ReadText = (part: BytesPart, end?: number) => string;

export function createReadText(): ReadText {
  const known: ({ readonly bytes: Uint8Array; readonly text: string } | undefined)[] = Array.from(
    { length: slots },
    () => undefined,
  );
  return ({ bytes, start, end: partEnd }, end = partEnd) => {
    const length = end - start;
    if (length === 0) return '';
    // Names differ most often in these.
    const middle = bytes[start + (length >> 1)]!;
    const slot = (length * 31 + bytes[start]! * 7 + middle * 3 + bytes[end - 1]!) % slots;
    const found = known[slot];
    if (found !== undefined && isSame(found.bytes, bytes, start, length)) return found.text;
    const own = Uint8Array.from(bytes.subarray(start, end));
    const text = Buffer.from(own.buffer).toString();
    known[slot] = { bytes: own, text };
    return text;
  };
}

function isSame(known: Uint8Array, bytes: Uint8Array, start: number, length: number): boolean {
  if (known.length !== length) return false;
  for (let at = 0; at < length; at += 1) if (known[at] !== bytes[start + at]) return false;
  return true;
}
