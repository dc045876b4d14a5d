import { open, type FileHandle } from 'node:fs/promises';

import { segmentMagic } from './frame.ts';
import type { Group } from './group-queue.ts';
import { privateFile, segmentFile, syncDirectory, type Segment } from './segment-folder.ts';
import type { Fsync } from './spool.ts';

export interface SegmentWriterOptions {
  readonly directory: string;
  readonly segmentBytes: number;
  readonly fsync: Fsync;
  /** The ordinal of the next event. */
  readonly next: () => number;
  readonly onSegment: (segment: Segment) => void;
}

/** Appends groups to segment files, one at a time. */
export class SegmentWriter {
  readonly #options: SegmentWriterOptions;
  #open: { readonly segment: Segment; readonly file: FileHandle } | undefined;
  #needsSync = false;

  constructor(options: SegmentWriterOptions) {
    this.#options = options;
  }

  /** The segment that is being written. */
  get active(): Segment | undefined {
    return this.#open?.segment;
  }

  /**
   * Appends a group to the active segment, as safely as `fsync` requires, or safely in any case.
   * Throws if that fails.
   */
  async write(group: Group, mustSync = false): Promise<void> {
    const { segment, file } = await this.#openFor(group.length);
    const { fsync } = this.#options;
    try {
      await writeAll(file, group.bytes, group.length, segment.bytes);
      if (fsync === 'always' || mustSync) await file.datasync();
      else if (fsync === 'interval') this.#needsSync = true;
      if (fsync === 'none' && mustSync) await syncDirectory(this.#options.directory);
    } catch (error) {
      await this.#abandon(segment, file);
      throw error;
    }
    segment.bytes += group.length;
    segment.count += group.count;
  }

  /** Syncs the writes that `interval` left unsynced. */
  async sync(): Promise<void> {
    if (!this.#needsSync || this.#open === undefined) return;
    this.#needsSync = false;
    await this.#open.file.datasync();
  }

  /** Closes the active segment; the next group begins a new one. */
  async seal(): Promise<void> {
    const closing = this.#open;
    const needsSync = this.#needsSync;
    this.#open = undefined;
    this.#needsSync = false;
    if (closing === undefined) return;
    try {
      if (needsSync) await closing.file.datasync();
    } finally {
      await closing.file.close();
    }
  }

  /** Returns the segment for a group of `length` bytes, and begins a new one if it does not fit. */
  async #openFor(length: number): Promise<{ segment: Segment; file: FileHandle }> {
    const open = this.#open;
    if (open !== undefined) {
      const { bytes, count } = open.segment;
      if (count === 0 || bytes + length <= this.#options.segmentBytes) return open;
      await this.seal();
    }
    return this.#begin();
  }

  async #begin(): Promise<{ segment: Segment; file: FileHandle }> {
    const { directory, fsync, next, onSegment } = this.#options;
    const base = next();
    const name = segmentFile(directory, base);
    // A file of this name contains no events: the disk was full when it was created.
    const file = await open(name, 'w', privateFile);
    try {
      await writeAll(file, segmentMagic, segmentMagic.length, 0);
      if (fsync !== 'none') await syncDirectory(directory);
    } catch (error) {
      await file.close();
      throw error;
    }
    const bytes = segmentMagic.length;
    const segment = { base, file: name, bytes, count: 0, damaged: false, dropped: false };
    this.#open = { segment, file };
    onSegment(segment);
    return this.#open;
  }

  /** After a failed sync the content of the disk is unknown: the next write uses a new segment. */
  async #abandon(segment: Segment, file: FileHandle): Promise<void> {
    await file.truncate(segment.bytes).catch(() => {});
    if (segment.count > 0) await this.seal().catch(() => {});
  }
}

async function writeAll(
  file: FileHandle,
  bytes: Buffer,
  length: number,
  position: number,
): Promise<void> {
  let written = 0;
  while (written < length) {
    // A disk that is almost full accepts a part of the bytes and refuses the rest.
    const { bytesWritten } = await file.write(bytes, written, length - written, position + written);
    written += bytesWritten;
  }
}
