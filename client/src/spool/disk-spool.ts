import { HeadgateError } from '../headgate-error.ts';
import { createCursorFile, startPosition, type CursorFile } from './cursor-file.ts';
import { AgainQueue, createGroupQueue, type Group, type GroupQueue } from './group-queue.ts';
import { lockDirectory, type OwnerLock } from './owner-lock.ts';
import { asFailure, closedError, fullError, refused } from './refused.ts';
import { findMissing } from './missing-events.ts';
import { createRoom, type Room } from './room.ts';
import {
  damagedFile,
  discardSegment,
  findSegments,
  makePrivateFolder,
  type Segment,
} from './segment-folder.ts';
import { openSegmentReader, type SegmentReader } from './segment-reader.ts';
import { SegmentWriter } from './segment-writer.ts';
import { createSettlement, type Settlement } from './settlement.ts';
import type {
  DiskSpoolOptions,
  Spool,
  SpoolBatch,
  SpoolPosition,
  SpoolRange,
  SpoolSignals,
} from './spool.ts';

const segmentBytesMax = 8 * 1024 * 1024;
/** Segments are deleted whole: in a full spool, settling the oldest of several makes room. */
const segmentsInSpool = 8;
/** Larger writes do not cost less per byte. */
const groupBytesMax = 1024 * 1024;
/** After a crash, events settled since the last write of the cursor are sent again. */
const cursorIntervalMs = 200;
const retryDelayMsMax = 2_000;

/**
 * Stores events in segment files, so that they outlive the process.
 *
 * Three activities run concurrently, each in order: groups of events are appended at the end,
 * batches are read behind them, and settled segments are deleted at the beginning.
 */
export class DiskSpool implements Spool {
  readonly #options: DiskSpoolOptions;
  readonly #signals: SpoolSignals;
  readonly #queue: GroupQueue;
  readonly #again: AgainQueue;
  readonly #writer: SegmentWriter;
  readonly #cursorFile: CursorFile;
  readonly #room: Room = createRoom();
  #segments: Segment[] = [];
  #lock: OwnerLock | undefined;
  #reader: SegmentReader | undefined;
  #settlement: Settlement = createSettlement({ ordinal: 0, segment: 0, offset: 0 });
  #readAt: SpoolPosition = this.#settlement.position;
  #next = 0;
  #opened = false;
  #closing = false;
  #failure: HeadgateError | undefined;
  #writing: Promise<void> | undefined;
  #syncTimer: NodeJS.Timeout | undefined;
  #cursorTimer: NodeJS.Timeout | undefined;
  #cursorWritten: Promise<void> = Promise.resolve();
  #discarded: Promise<void> = Promise.resolve();
  #toDiscard: Segment[] = [];

  constructor(options: DiskSpoolOptions, signals: SpoolSignals) {
    this.#options = options;
    this.#signals = signals;
    const segmentBytes = Math.min(segmentBytesMax, Math.ceil(options.bytesMax / segmentsInSpool));
    const groupBytes = Math.min(groupBytesMax, segmentBytes);
    this.#queue = createGroupQueue(groupBytes);
    this.#again = new AgainQueue(groupBytes);
    this.#cursorFile = createCursorFile(options.directory);
    this.#writer = new SegmentWriter({
      directory: options.directory,
      segmentBytes,
      fsync: options.fsync,
      next: () => this.#next,
      onSegment: (segment) => void this.#segments.push(segment),
    });
  }

  get unread(): number {
    return this.#next - this.#readAt.ordinal;
  }

  get next(): number {
    return this.#next;
  }

  get settled(): number {
    return this.#settlement.position.ordinal;
  }

  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  get pinned(): number {
    return this.#settlement.pinned;
  }

  get isShort(): boolean {
    return this.bytes * 2 > this.#options.bytesMax;
  }

  async open(): Promise<number> {
    try {
      await this.#find();
    } catch (error) {
      this.#failure = asFailure(error, this.#options.directory);
      await this.#lock?.release();
      // Rejects the calls of track() that came in the meantime.
      this.#startWriting();
      throw this.#failure;
    }
    this.#opened = true;
    this.#startWriting();
    if (this.unread > 0) this.#signals.readable();
    return this.unread;
  }

  async #find(): Promise<void> {
    const { directory } = this.#options;
    await makePrivateFolder(directory);
    this.#lock = await lockDirectory(directory);
    const cursor = await this.#cursorFile.read();
    this.#segments = await findSegments(directory, cursor);
    const last = this.#segments.at(-1);
    this.#next = Math.max(cursor?.ordinal ?? 0, last === undefined ? 0 : last.base + last.count);
    this.#readAt = startPosition(this.#segments, cursor, this.#next);
    this.#settlement = createSettlement(this.#readAt);
    const missing = findMissing(this.#segments, cursor, this.#readAt.ordinal);
    for (const { from, end } of missing) {
      const message = `${end - from} events are missing in ${directory}: no file has the numbers ${from} to ${end - 1}`;
      // They are not in this spool, so that they do not count as waiting.
      this.#signals.dropped(end - from, 'missing', message, false);
    }
    // Otherwise the next start reports them again.
    if (missing.length > 0) void this.#writeCursor();
    this.#forgetSettled();
  }

  append<Receipt>(payload: Buffer, receipt: Receipt): Promise<Receipt> {
    if (this.#closing) return refused(closedError());
    if (this.#failure !== undefined) return refused(this.#failure);
    const { unwrittenBytesMax } = this.#options;
    if (this.#queue.bytes + payload.length > unwrittenBytesMax) {
      const error = new HeadgateError(
        'spool_full',
        `More than ${unwrittenBytesMax} bytes wait to be written: await some calls of track().`,
      );
      this.#signals.dropped(1, 'spool_full', error.message, false);
      return refused(error);
    }
    const added = this.#queue.add(payload, receipt);
    if (this.#opened) this.#startWriting();
    return added;
  }

  async appendAgain(records: readonly Buffer[]): Promise<boolean> {
    if (this.#closing || !this.#again.fits(records, this.bytes, this.#options.bytesMax))
      return false;
    // A group that waits for room lets them go first: they make room.
    this.#room.open();
    this.#startWriting();
    return this.#again.add(records);
  }

  async #writeAgain(): Promise<void> {
    for (let group = this.#again.take(); group !== undefined; group = this.#again.take()) {
      try {
        await this.#writer.write(group, true);
        this.#next += group.count;
        group.resolve();
        this.#signals.readable();
      } catch (error) {
        this.#signals.trouble(`The spool cannot be written: ${(error as Error).message}`, error);
        group.reject(fullError(this.#options.bytesMax, error));
      }
    }
  }

  async appended(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  #startWriting(): void {
    // Starts in the next turn of the event loop, so that all events of this turn share a group.
    this.#writing ??= new Promise<void>((resolve) => {
      setImmediate(resolve);
    }).then(() => this.#writeGroups());
  }

  async #writeGroups(): Promise<void> {
    for (;;) {
      await this.#writeAgain();
      const group = this.#queue.take();
      if (group === undefined) break;
      const error = this.#failure ?? (await this.#store(group));
      this.#queue.recycle(group);
      if (error === undefined) {
        this.#next += group.count;
        if (this.#options.fsync === 'interval') this.#syncSoon();
        group.resolve();
        this.#signals.readable();
      } else {
        group.reject(error);
        const reason = error.code === 'closed' ? 'closed' : 'spool_full';
        this.#signals.dropped(group.count, reason, error.message, false);
      }
    }
    this.#writing = undefined;
  }

  /** Undefined if the group was stored. */
  async #store(group: Group): Promise<HeadgateError | undefined> {
    const { bytesMax } = this.#options;
    for (let delayMs = 50; ; delayMs = Math.min(delayMs * 2, retryDelayMsMax)) {
      await this.#writeAgain();
      let cause: unknown;
      if (this.bytes + group.length <= bytesMax || this.#segments.length === 0) {
        try {
          await this.#writer.write(group);
          return undefined;
        } catch (error) {
          cause = error;
          this.#signals.trouble(`The spool cannot be written: ${(error as Error).message}`, error);
        }
      }
      if (await this.#makeRoom(delayMs)) continue;
      return this.#closing && this.#options.whenFull === 'block'
        ? closedError()
        : fullError(bytesMax, cause);
    }
  }

  /** Returns whether to try the write again. */
  async #makeRoom(waitMsMax: number): Promise<boolean> {
    if (this.#options.whenFull === 'reject') return false;
    if (this.#options.whenFull === 'drop-oldest') return this.#dropOldest();
    if (this.#closing) return false;
    await this.#room.wait(waitMsMax);
    return true;
  }

  /** Deletes the oldest segment. False if there is none. */
  async #dropOldest(): Promise<boolean> {
    const oldest = this.#segments[0];
    if (oldest === undefined || oldest.count === 0) return false;
    if (oldest === this.#writer.active) await this.#writer.seal().catch(() => {});
    const end = oldest.base + oldest.count;
    oldest.dropped = true;
    // Events that were read are in flight and still get their verdict.
    const unread = end - Math.max(this.#readAt.ordinal, oldest.base);
    this.#forget(oldest);
    if (unread <= 0) return true;
    this.#readAt = { ordinal: end, segment: end, offset: 0 };
    const message = `The spool is full: its ${unread} oldest events were dropped`;
    this.#signals.dropped(unread, 'spool_full', message, true);
    if (this.#settlement.skip(this.#readAt)) this.#moved();
    return true;
  }

  #syncSoon(): void {
    this.#syncTimer ??= setTimeout(() => {
      this.#syncTimer = undefined;
      this.#writer.sync().catch((error: unknown) => {
        this.#signals.trouble(`The spool cannot be synced: ${(error as Error).message}`, error);
      });
    }, this.#options.fsyncIntervalMs).unref();
  }

  async read(
    events: number,
    bytes: number,
    overheadBytes: number,
  ): Promise<SpoolBatch | undefined> {
    while (this.unread > 0) {
      const segment = this.#segments.find(
        ({ base, count }) => base + count > this.#readAt.ordinal,
      )!;
      const from = segment.base === this.#readAt.segment ? this.#readAt.offset : 0;
      const reader = await this.#readerOf(segment);
      const { records, offset } = (await reader?.read(from, { events, bytes, overheadBytes })) ?? {
        records: [],
        offset: 0,
      };
      if (segment.dropped) continue;
      if (records.length === 0) {
        this.#skipLost(segment);
        continue;
      }
      const ordinal = this.#readAt.ordinal + records.length;
      this.#readAt = { ordinal, segment: segment.base, offset };
      return { records, range: this.#settlement.begin(records.length, this.#readAt) };
    }
    return undefined;
  }

  /** Undefined if the file is gone. */
  async #readerOf(segment: Segment): Promise<SegmentReader | undefined> {
    if (this.#reader?.segment === segment) return this.#reader;
    await this.#reader?.close();
    this.#reader = undefined;
    this.#reader = await openSegmentReader(segment, (offset, bytes) => {
      this.#signals.damaged(damagedFile(segment.file), offset, bytes);
    }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return undefined;
    });
    return this.#reader;
  }

  /** Skips the rest of a segment, after its intact events were read. */
  #skipLost(segment: Segment): void {
    const end = segment.base + segment.count;
    const lost = end - this.#readAt.ordinal;
    this.#readAt = { ordinal: end, segment: segment.base, offset: segment.bytes };
    // A segment that was read to its end without damage is followed by a missing one.
    const message = segment.damaged
      ? `${lost} events were lost in damaged bytes: see ${damagedFile(segment.file)}`
      : `${lost} events are missing: no file has the numbers ${end - lost} to ${end - 1}`;
    this.#signals.dropped(lost, segment.damaged ? 'damaged' : 'missing', message, true);
    if (this.#settlement.skip(this.#readAt)) this.#moved();
  }

  settle(range: SpoolRange, count: number): void {
    if (this.#settlement.settle(range, count)) this.#moved();
  }

  #moved(): void {
    this.#forgetSettled();
    this.#cursorTimer ??= setTimeout(() => void this.#writeCursor(), cursorIntervalMs).unref();
  }

  #forgetSettled(): void {
    for (const segment of this.#segments) {
      if (segment.base + segment.count > this.settled) return;
      if (segment !== this.#writer.active) this.#forget(segment);
    }
  }

  #forget(segment: Segment): void {
    this.#segments = this.#segments.filter((each) => each !== segment);
    this.#toDiscard.push(segment);
    if (this.#toDiscard.length === 1) {
      // The cursor says first which files are there: a crash in between leaves none that it misses.
      this.#discarded = this.#discarded
        .then(() => this.#writeCursor())
        .then(() => this.#discardAll());
    }
    this.#room.open();
  }

  async #discardAll(): Promise<void> {
    for (const segment of this.#toDiscard.splice(0)) {
      await discardSegment(segment, this.#options.directory).catch((error: unknown) => {
        this.#signals.trouble(`The spool cannot delete ${segment.file}`, error);
      });
    }
  }

  #writeCursor(): Promise<void> {
    clearTimeout(this.#cursorTimer);
    this.#cursorTimer = undefined;
    this.#cursorWritten = this.#cursorWritten
      .then(() =>
        this.#cursorFile.write({
          ...this.#settlement.position,
          first: this.#segments[0]?.base ?? this.#next,
          next: this.#next,
        }),
      )
      .catch((error: unknown) => {
        const message =
          'The spool cannot write its cursor: a crash would send settled events again';
        this.#signals.trouble(message, error);
      });
    return this.#cursorWritten;
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#room.open();
    await this.appended();
    clearTimeout(this.#syncTimer);
    if (!this.#opened) return;
    await this.#writer.seal().catch((error: unknown) => {
      this.#signals.trouble(`The spool cannot be synced: ${(error as Error).message}`, error);
    });
    await this.#reader?.close();
    this.#reader = undefined;
    await this.#writeCursor();
    this.#forgetSettled();
    await this.#discarded;
    await this.#lock?.release();
    this.#lock = undefined;
  }
}
