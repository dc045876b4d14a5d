import { isUtf8 } from 'node:buffer';
import type { PackedBatch, RefusedEvent } from '../../writer-thread/packed-batch.ts';
import { cutEvent, findMembers, memberCount, placeOf } from './cut-event.ts';
import type { OddEvents } from './odd-events.ts';

/**
 * Events of a batch as the spool keeps them: their payloads as they were delivered, and a directory of what is
 * where in them, so that the exporter does not look at each character again.
 */
export interface Block {
  readonly events: number;
  readonly payloads: Uint8Array;
  readonly ends: Uint32Array;
  readonly sequences: Float64Array;
  /** `memberCount` for each event: how long each member is. All 0 where SQLite has to parse the payload. */
  readonly lengths: Uint16Array;
}

/** A block of the spool, with what it says of all its events. */
export interface StoredBlock extends Block {
  /** When the batch came: RFC 3339. */
  readonly deliveredAt: string;
  /** Each event is kept whole, for an archive of lines (whole-row.ts). */
  readonly isWhole: boolean;
}

/** The newest version of each contract that events of a block have. */
export type BlockVersions = Readonly<Record<string, number>>;

export interface CutBatch {
  readonly blocks: readonly { readonly block: Block; readonly versions: BlockVersions }[];
  readonly refused: readonly RefusedEvent[];
}

/** A block of larger events has fewer: what is read at once fits into memory. */
const blockBytesMax = 4 * 1024 * 1024;

const schemaVersionAt = placeOf('schemaVersion');

/** Cuts each event, and leaves out those that can never be rows. */
export function cutBatch(batch: PackedBatch, odd: OddEvents): CutBatch {
  const { bytes, ends, sequences } = isUtf8(batch.bytes) ? batch : withoutFaults(batch);
  const count = ends.length;
  const lengths = new Uint16Array(count * memberCount);
  const refused: RefusedEvent[] = [];
  const blocks: { block: Block; versions: BlockVersions }[] = [];
  let first = 0;
  let versions = createVersions();
  const endBlock = (to: number): void => {
    if (to > first) {
      const from = first === 0 ? 0 : ends[first - 1]!;
      const block = {
        events: to - first,
        payloads: bytes.subarray(from, ends[to - 1]),
        ends: ends.slice(first, to).map((end) => end - from),
        sequences: sequences.slice(first, to),
        lengths: lengths.slice(first * memberCount, to * memberCount),
      };
      blocks.push({ block, versions: versions.found() });
    }
    versions = createVersions();
  };
  for (let index = 0; index < count; index += 1) {
    const start = index === 0 ? 0 : ends[index - 1]!;
    const end = ends[index]!;
    if (index > first && end - (first === 0 ? 0 : ends[first - 1]!) > blockBytesMax) {
      endBlock(index);
      first = index;
    }
    const at = index * memberCount;
    if (cutEvent(bytes, start, end, lengths, at)) {
      if (lengths[at + schemaVersionAt] !== 0) versions.see(bytes, start, lengths, at);
      continue;
    }
    lengths.fill(0, at, at + memberCount);
    const read = odd.read(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start));
    if (typeof read === 'string') {
      endBlock(index);
      first = index + 1;
      refused.push({ index, reason: read });
    } else if (read.schemaVersion !== undefined) {
      versions.add(read.eventName ?? '', Number(read.schemaVersion));
    }
  }
  endBlock(count);
  return { blocks, refused };
}

/** What a decoder makes of bytes that are no UTF-8. */
function withoutFaults({ bytes, ends, sequences }: PackedBatch): PackedBatch {
  const texts = Array.from(ends, (end, index) => {
    const start = index === 0 ? 0 : ends[index - 1]!;
    return Buffer.from(decoder.decode(bytes.subarray(start, end)));
  });
  let at = 0;
  const newEnds = Uint32Array.from(texts, (text) => (at += text.length));
  return { bytes: Buffer.concat(texts), ends: newEnds, sequences };
}

const decoder = new TextDecoder();

interface SeenVersions {
  see(bytes: Uint8Array, start: number, lengths: Uint16Array, at: number): void;
  add(name: string, version: number): void;
  found(): BlockVersions;
}

const starts = new Int32Array(memberCount);
const nameAt = placeOf('eventName');

function createVersions(): SeenVersions {
  const newest = new Map<string, number>();
  const add = (name: string, version: number): void => {
    if (version > (newest.get(name) ?? 0)) newest.set(name, version);
  };
  return {
    see(bytes, start, lengths, at) {
      findMembers(start, lengths, at, starts);
      const from = starts[schemaVersionAt]!;
      let version = 0;
      for (let digit = 0; digit < lengths[at + schemaVersionAt]!; digit += 1) {
        version = version * 10 + bytes[from + digit]! - 0x30;
      }
      add(textOf(bytes, starts[nameAt]!, lengths[at + nameAt]!), version);
    },
    add,
    found: () => Object.fromEntries(newest),
  };
}

function textOf(bytes: Uint8Array, start: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString();
}

const sequenceBytes = 8;
const endBytes = 4;
const eventBytes = sequenceBytes + endBytes + 2 * memberCount;

/** The directory as the spool keeps it. */
export function directoryOf({ events, ends, sequences, lengths }: Block): Uint8Array {
  const bytes = new Uint8Array(events * eventBytes);
  bytes.set(new Uint8Array(sequences.buffer, sequences.byteOffset, sequences.byteLength));
  bytes.set(new Uint8Array(ends.buffer, ends.byteOffset, ends.byteLength), events * sequenceBytes);
  const lengthsAt = events * (sequenceBytes + endBytes);
  bytes.set(new Uint8Array(lengths.buffer, lengths.byteOffset, lengths.byteLength), lengthsAt);
  return bytes;
}

/** A block from its directory. Throws if it is not one of these payloads. */
export function readDirectory(events: number, directory: Uint8Array, payloads: Uint8Array): Block {
  // A copy, because a view of numbers begins at a multiple of their size.
  const { buffer } = Uint8Array.from(directory);
  if (events < 1 || buffer.byteLength !== events * eventBytes)
    throw new Error('its directory is damaged');
  const endsAt = events * sequenceBytes;
  const lengthsAt = endsAt + events * endBytes;
  const block = {
    events,
    payloads,
    ends: new Uint32Array(buffer, endsAt, events),
    sequences: new Float64Array(buffer, 0, events),
    lengths: new Uint16Array(buffer, lengthsAt, events * memberCount),
  };
  if (block.ends[events - 1] !== payloads.length) throw new Error('its events are damaged');
  return block;
}
