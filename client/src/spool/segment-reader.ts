import { open, type FileHandle } from 'node:fs/promises';

import { findFrame, frameEnd, frameHeaderBytes, segmentMagic } from './frame.ts';
import type { Segment } from './segment-folder.ts';

/** Holds a full batch of ordinary events, and takes little memory. */
const chunkBytes = 512 * 1024;

export interface ReadRecords {
  readonly records: readonly Buffer[];
  /** Pass this to the next read. */
  readonly offset: number;
}

/** Reads the events of one segment, in order. */
export interface SegmentReader {
  readonly segment: Segment;
  /** Returns no records if there are no more up to `segment.bytes`. */
  read(offset: number, limits: ReadLimits): Promise<ReadRecords>;
  close(): Promise<void>;
}

export interface ReadLimits {
  readonly events: number;
  readonly bytes: number;
  /** Bytes that an event adds to a request beside its own. */
  readonly overheadBytes: number;
}

export async function openSegmentReader(
  segment: Segment,
  onDamaged: (offset: number, bytes: number) => void,
): Promise<SegmentReader> {
  const handle = await open(segment.file, 'r');
  let chunk: Buffer = Buffer.alloc(0);
  let chunkAt = 0;

  /** Allocates a new buffer each time, because earlier records are views of the old one. */
  const load = async (offset: number, bytes: number): Promise<void> => {
    chunk = await readAt(handle, offset, Math.min(segment.bytes - offset, bytes));
    chunkAt = offset;
  };
  /** Returns the offset of the first event behind damage. */
  const skipDamage = async (offset: number): Promise<number> => {
    await load(offset, segment.bytes - offset);
    const found = findFrame(chunk, 1);
    const next = found < 0 ? segment.bytes : offset + found;
    segment.damaged = true;
    onDamaged(offset, next - offset);
    return next;
  };
  const firstEvent = async (): Promise<number> => {
    await load(0, chunkBytes);
    if (chunk.subarray(0, segmentMagic.length).equals(segmentMagic)) return segmentMagic.length;
    return skipDamage(0);
  };
  /** Loads more when the chunk ends inside the event at `offset`. False if the file ends there. */
  const loadRest = async (offset: number): Promise<boolean> => {
    const had = chunkAt + chunk.length - offset;
    if (offset + had >= segment.bytes) return false;
    await load(offset, Math.max(chunkBytes, had * 2));
    return chunk.length > had;
  };

  return {
    segment,
    read: async (from, limits) => {
      let offset = from === 0 ? await firstEvent() : from;
      const records: Buffer[] = [];
      let bytes = 0;
      while (offset < segment.bytes && records.length < limits.events) {
        if (offset < chunkAt || offset >= chunkAt + chunk.length) await load(offset, chunkBytes);
        const at = offset - chunkAt;
        const end = frameEnd(chunk, at);
        if (end === 'short' && (await loadRest(offset))) continue;
        if (typeof end !== 'number') {
          offset = await skipDamage(offset);
          continue;
        }
        const record = chunk.subarray(at + frameHeaderBytes, end);
        bytes += record.length + limits.overheadBytes;
        if (records.length > 0 && bytes > limits.bytes) break;
        records.push(record);
        offset = chunkAt + end;
      }
      return { records, offset };
    },
    close: () => handle.close(),
  };
}

async function readAt(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(Math.max(length, 0));
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}
