import {
  chmod,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  unlink,
} from 'node:fs/promises';
import path from 'node:path';

import { findFrame, frameEnd, segmentMagic } from './frame.ts';
import type { SpoolPosition } from './spool.ts';

/** A segment file, named after the ordinal of its first event. */
export interface Segment {
  readonly base: number;
  readonly file: string;
  /** Length up to which everything is written, and synced as `fsync` requires. */
  bytes: number;
  count: number;
  /** True if it has bytes that are not events. It is then renamed for inspection, not deleted. */
  damaged: boolean;
  /** True if it was deleted to make room. */
  dropped: boolean;
}

/** Events carry personal data: other users of the machine may not read them. */
export const privateFile = 0o600;
const privateFolder = 0o700;
const othersBits = 0o077;
/** Set on /tmp and its like. */
const sticky = 0o1000;

const suffix = '.seg';
const damagedSuffix = '.damaged';
/** Beyond this number the oldest damaged file is deleted. */
const damagedFilesMax = 8;

/**
 * Makes the directory, closed to other users. Closes one that an earlier version left open, and its
 * files. Throws if it belongs to another user, who could read what is written there.
 */
export async function makePrivateFolder(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: privateFolder });
  const user = process.getuid?.();
  // Windows has no such modes.
  if (user === undefined) return;
  const { mode, uid } = await stat(directory);
  if ((mode & othersBits) === 0 && (uid === user || user === 0)) return;
  if ((mode & sticky) !== 0) {
    throw new Error('all users of this machine share it: name a directory of its own in it');
  }
  if (uid !== user && user !== 0) {
    throw new Error(
      `it belongs to user ${uid}, and this process runs as ${user}: chown it to this user, or name ` +
        'another directory',
    );
  }
  for (const name of await readdir(directory)) {
    if (ownFiles.test(name)) await chmod(path.join(directory, name), privateFile);
  }
  // Last: if this is interrupted, the next start finds it open and does it again.
  await chmod(directory, privateFolder);
}

const ownFiles = /^(\d{16}\.(seg|damaged)|cursor\.json(\.new)?|owner\.pid)$/;

export function segmentFile(directory: string, base: number): string {
  return path.join(directory, `${String(base).padStart(16, '0')}${suffix}`);
}

/**
 * Returns the segments of earlier runs, oldest first. Truncates an event that was not fully
 * written.
 *
 * @param cursor the position before which everything is settled.
 */
export async function findSegments(
  directory: string,
  cursor: SpoolPosition | undefined,
): Promise<Segment[]> {
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
    if (next === undefined) await countEvents(segment, cursor);
    else segment.count = next.base - segment.base;
  }
  const last = segments.at(-1);
  if (last?.count === 0) {
    await discardSegment(last, directory);
    segments.pop();
  }
  return segments;
}

/**
 * Counts the frames of the last segment: only they show how many events it has. Before the cursor,
 * the cursor says how many there were: damage among the settled events must not lower the count, or
 * the events behind them would be taken for settled too.
 */
async function countEvents(segment: Segment, cursor: SpoolPosition | undefined): Promise<void> {
  const bytes = await readFile(segment.file);
  const isHere = cursor?.segment === segment.base && cursor.ordinal >= segment.base;
  const whole = wholeFrames(bytes, isHere ? cursor.offset : 0);
  segment.count = (isHere ? cursor.ordinal - segment.base : 0) + whole.unsettled;
  const isEmpty = whole.count === 0;
  segment.damaged = whole.skipped || (isEmpty && bytes.length > segmentMagic.length);
  if (whole.end < bytes.length && !isEmpty) {
    await truncate(segment.file, whole.end);
    segment.bytes = whole.end;
  }
}

interface WholeFrames {
  readonly count: number;
  /** How many of them are not before the offset of the cursor. */
  readonly unsettled: number;
  readonly end: number;
  /** True if there are other bytes before the last frame. */
  readonly skipped: boolean;
}

function wholeFrames(bytes: Buffer, settledTo: number): WholeFrames {
  const known = bytes.subarray(0, segmentMagic.length).equals(segmentMagic);
  let count = 0;
  let unsettled = 0;
  let end = known ? segmentMagic.length : 0;
  let skipped = false;
  let at = end;
  for (;;) {
    const after = known || at > 0 ? frameEnd(bytes, at) : 'damaged';
    if (typeof after === 'number') {
      count += 1;
      if (at >= settledTo) unsettled += 1;
      at = after;
      end = after;
      continue;
    }
    // Nothing intact follows a torn tail. Damage behind the cursor is reported by the reader.
    const next = findFrame(bytes, at + 1);
    if (next < 0) return { count, unsettled, end, skipped };
    skipped = true;
    at = next;
  }
}

export async function discardSegment(segment: Segment, directory: string): Promise<void> {
  if (!segment.damaged) {
    // It may be gone already.
    await rm(segment.file, { force: true });
    return;
  }
  await rename(segment.file, damagedFile(segment.file));
  const kept = (await readdir(directory)).filter((name) => name.endsWith(damagedSuffix)).sort();
  for (const name of kept.slice(0, -damagedFilesMax)) await unlink(path.join(directory, name));
}

export function damagedFile(file: string): string {
  return `${file.slice(0, -suffix.length)}${damagedSuffix}`;
}

/** A new file survives a power cut only if its directory is synced too. */
export async function syncDirectory(directory: string): Promise<void> {
  // Windows cannot open a directory.
  if (process.platform === 'win32') return;
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
