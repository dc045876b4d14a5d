import { crc32 } from 'node:zlib';

/*
 * A segment file: eight bytes that say what it is, then frames.
 *
 *   u32 length of the payload, u32 CRC-32 of the payload (both little-endian), payload
 *
 * The payload is an event with its length as a varint before it (encode-event.ts). So a frame says
 * its length twice, which makes a frame easy to recognise behind bytes that are damaged.
 */

export const segmentMagic = Buffer.from('HGSPOOL1', 'latin1');
export const frameHeaderBytes = 8;

/** No frame is larger: a length beyond it is damage, not an event. */
export const framePayloadBytesMax = 64 * 1024 * 1024;

/** Writes a frame at `at`; `target` has the room. Returns where it ends. */
export function writeFrame(target: Buffer, at: number, payload: Buffer): number {
  target.writeUInt32LE(payload.length, at);
  target.writeUInt32LE(crc32(payload), at + 4);
  target.set(payload, at + frameHeaderBytes);
  return at + frameHeaderBytes + payload.length;
}

/** Where the frame at `at` ends; 'short': it reaches beyond these bytes; 'damaged': it is none. */
export function frameEnd(bytes: Buffer, at: number): number | 'short' | 'damaged' {
  if (at + frameHeaderBytes > bytes.length) return 'short';
  const length = bytes.readUInt32LE(at);
  if (length < 3 || length > framePayloadBytesMax) return 'damaged';
  const end = at + frameHeaderBytes + length;
  if (end > bytes.length) return saysItsLengthTwice(bytes, at, length) ? 'short' : 'damaged';
  const payload = bytes.subarray(at + frameHeaderBytes, end);
  return crc32(payload) === bytes.readUInt32LE(at + 4) ? end : 'damaged';
}

/** The first whole frame from `at` on; -1: none. */
export function findFrame(bytes: Buffer, at: number): number {
  for (let start = at; start + frameHeaderBytes + 3 <= bytes.length; start += 1) {
    const length = bytes.readUInt32LE(start);
    if (start + frameHeaderBytes + length > bytes.length) continue;
    // Cheap, and wrong once in millions of places: the sum is computed for real frames alone.
    if (!saysItsLengthTwice(bytes, start, length)) continue;
    if (typeof frameEnd(bytes, start) === 'number') return start;
  }
  return -1;
}

function saysItsLengthTwice(bytes: Buffer, at: number, length: number): boolean {
  let value = 0;
  let factor = 1;
  for (let index = 0; index < 5; index += 1) {
    const byte = bytes[at + frameHeaderBytes + index];
    // Not there to be read: nothing speaks against it.
    if (byte === undefined) return true;
    value += (byte & 127) * factor;
    if (byte < 128) return value + index + 1 === length;
    factor *= 128;
  }
  return false;
}
