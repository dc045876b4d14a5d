import { open, readdir, readFile, rename, stat, truncate, unlink } from 'node:fs/promises';
import path from 'node:path';

import { findFrame, frameEnd, segmentMagic } from './frame.ts';

/** A segment file, named by the ordinal of its first event. */
export interface Segment {
  readonly base: number;
  readonly file: string;
  /** Up to here everything is written, and synced as `fsync` says. */
  bytes: number;
  count: number;
  /** The reader met bytes in it that are no events: kept for a person instead of deleted. */
  damaged: boolean;
  /** Deleted to make room. */
  dropped: boolean;
}

const suffix = '.seg';
const damagedSuffix = '.damaged';
/** More are not kept: the oldest goes. */
const damagedFilesMax = 8;

export function segmentFile(directory: string, base: number): string {
  return path.join(directory, `${String(base).padStart(16, '0')}${suffix}`);
}

/** What an earlier run left, oldest first. Cuts off the last event of a run that was killed. */
export async function findSegments(directory: string): Promise<Segment[]> {
  const names = (await readdir(directory)).filter((name) => /^\d{16}\.seg$/.test(name)).sort();
  const segments: Segment[] = [];
  for (const name of names) {
    const file = path.join(directory, name);
    const { size } = await stat(file);
    const base = Number(name.slice(0, -suffix.length));
    segments.push({ base, file, bytes: size, count: 0, damaged: false, dropped: false });
  }
  for (const [index, segment] of segments.entries()) {
    const next = segments[index + 1];
    if (next === undefined) await countEvents(segment);
    else segment.count = next.base - segment.base;
  }
  const last = segments.at(-1);
  if (last?.count === 0) {
    await discardSegment(last, directory);
    segments.pop();
  }
  return segments;
}

/** Nothing says how many events the last segment has but its frames. */
async function countEvents(segment: Segment): Promise<void> {
  const bytes = await readFile(segment.file);
  const whole = wholeFrames(bytes);
  segment.count = whole.count;
  segment.damaged = whole.count === 0 && bytes.length > segmentMagic.length;
  if (whole.end < bytes.length && !segment.damaged) {
    await truncate(segment.file, whole.end);
    segment.bytes = whole.end;
  }
}

function wholeFrames(bytes: Buffer): { readonly count: number; readonly end: number } {
  const known = bytes.subarray(0, segmentMagic.length).equals(segmentMagic);
  let count = 0;
  let end = known ? segmentMagic.length : 0;
  let at = end;
  for (;;) {
    const after = known || at > 0 ? frameEnd(bytes, at) : 'damaged';
    if (typeof after === 'number') {
      count += 1;
      at = after;
      end = after;
      continue;
    }
    // A torn tail has nothing whole behind it. Damage in the middle has, and is the reader's to tell.
    const next = findFrame(bytes, at + 1);
    if (next < 0) return { count, end };
    at = next;
  }
}

export async function discardSegment(segment: Segment, directory: string): Promise<void> {
  if (!segment.damaged) {
    await unlink(segment.file);
    return;
  }
  await rename(segment.file, damagedFile(segment.file));
  const kept = (await readdir(directory)).filter((name) => name.endsWith(damagedSuffix)).sort();
  for (const name of kept.slice(0, -damagedFilesMax)) await unlink(path.join(directory, name));
}

export function damagedFile(file: string): string {
  return `${file.slice(0, -suffix.length)}${damagedSuffix}`;
}

/** A new file is there after a power cut only when its directory is synced too. */
export async function syncDirectory(directory: string): Promise<void> {
  // Windows has no such thing as opening a directory.
  if (process.platform === 'win32') return;
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
