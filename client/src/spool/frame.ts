import { crc32 } from 'node:zlib';

/*
 * The format of a segment file: eight magic bytes, then frames.
 *
 *   u32 length of the payload, u32 CRC-32 of the payload (both little-endian), payload
 *
 * The payload is an event with its length as a varint prefix (encode-event.ts). So a frame contains
 * its length twice, which makes it easy to recognize a frame behind damaged bytes.
 */

export const segmentMagic = Buffer.from('HGSPOOL1', 'latin1');
export const frameHeaderBytes = 8;

/** The largest payload. A greater length means that the bytes are damaged. */
export const framePayloadBytesMax = 64 * 1024 * 1024;

/** Writes a frame at `at` and returns its end. `target` must have enough room. */
export function writeFrame(target: Buffer, at: number, payload: Buffer): number {
  target.writeUInt32LE(payload.length, at);
  target.writeUInt32LE(crc32(payload), at + 4);
  target.set(payload, at + frameHeaderBytes);
  return at + frameHeaderBytes + payload.length;
}

/**
 * Returns the end of the frame at `at`. 'short': the bytes end before it. 'damaged': not a frame.
 */
export function frameEnd(bytes: Buffer, at: number): number | 'short' | 'damaged' {
  if (at + frameHeaderBytes > bytes.length) return 'short';
  const length = bytes.readUInt32LE(at);
  if (length < 3 || length > framePayloadBytesMax) return 'damaged';
  const end = at + frameHeaderBytes + length;
  if (end > bytes.length) return hasMatchingLengths(bytes, at, length) ? 'short' : 'damaged';
  const payload = bytes.subarray(at + frameHeaderBytes, end);
  return crc32(payload) === bytes.readUInt32LE(at + 4) ? end : 'damaged';
}

/** Returns the start of the first whole frame at or after `at`, or -1. */
export function findFrame(bytes: Buffer, at: number): number {
  for (let start = at; start + frameHeaderBytes + 3 <= bytes.length; start += 1) {
    const length = bytes.readUInt32LE(start);
    if (start + frameHeaderBytes + length > bytes.length) continue;
    // A cheap test that is wrong once in millions of offsets. It saves most checksums.
    if (!hasMatchingLengths(bytes, start, length)) continue;
    if (typeof frameEnd(bytes, start) === 'number') return start;
  }
  return -1;
}

function hasMatchingLengths(bytes: Buffer, at: number, length: number): boolean {
  let value = 0;
  let factor = 1;
  for (let index = 0; index < 5; index += 1) {
    const byte = bytes[at + frameHeaderBytes + index];
    // The bytes end inside the varint: the lengths may still match.
    if (byte === undefined) return true;
    value += (byte & 127) * factor;
    if (byte < 128) return value + index + 1 === length;
    factor *= 128;
  }
  return false;
}
