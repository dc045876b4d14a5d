import type { DatabaseSync } from 'node:sqlite';
import { createIdPages, type IdPage, type IdPages } from './id-pages.ts';
import { idBytes, mergeIds, pickIds, type SortedIds } from './sorted-ids.ts';

/**
 * The ids of events that are in files, kept in order to refuse second copies.
 *
 * Ids are random, so an index over them writes a page somewhere in the file for each one. Here those of each lot
 * are sorted and written as a segment of their own, and segments that are alike in size are merged into one: each id
 * is written some five times, but thousands at a time and next to each other. A segment is forgotten as a whole.
 */
export interface KeptIds {
  /** Sets `isSecond` of each id that is kept. @param isSecond by the place in the lot. */
  find(ids: SortedIds, isSecond: Uint8Array): void;
  /** The same in steps of some milliseconds: one for each segment. */
  findInSteps(ids: SortedIds, isSecond: Uint8Array): Generator<void>;
  /**
   * Reads and merges what keeping those that are not marked takes. Before the transaction, which batches wait for: while
   * the lot is open, no other process changes the kept ids.
   */
  merge(ids: SortedIds, isSecond: Uint8Array, nowMs: number): MergedIds | undefined;
  /** Keeps them. The caller has the transaction, and knows that the lot was open until then. */
  keep(merged: MergedIds): void;
  /** Deletes segments that were written before a time. The caller has the transaction. */
  forget(beforeMs: number): void;
}

/** Ids of a segment that is merged with no other: 20 MB, which take a tenth of a second. */
const segmentIdsMax = 1_000_000;

/** So that an id is forgotten when it is older than `ids_kept` by this part of it, at the latest. */
const spansOfKept = 8;

/** A segment that takes the place of others. */
export interface MergedIds {
  readonly segment: Omit<Segment, 'ids'>;
  readonly ids: SortedIds;
  readonly replaced: readonly Segment[];
}

interface Segment {
  readonly id: number;
  readonly ids: number;
  readonly oldest: number;
  readonly newest: number;
}

export function createKeptIds(database: DatabaseSync, idsKeptMs: number): KeptIds {
  const pages = createIdPages(database);
  const select = database.prepare('SELECT id, ids, oldest, newest FROM id_segments ORDER BY id');
  const insert = database.prepare('INSERT INTO id_segments VALUES (?, ?, ?, ?)');
  const remove = database.prepare('DELETE FROM id_segments WHERE id = ?');
  const segments = (): Segment[] => select.all() as unknown as Segment[];
  const removeSegment = ({ id }: Segment): void => {
    remove.run(id);
    pages.remove(id);
  };
  function* findInSteps(ids: SortedIds, isSecond: Uint8Array): Generator<void> {
    for (const { id } of segments()) {
      findIn(pages, id, ids, isSecond);
      yield;
    }
  }
  return {
    find(ids, isSecond) {
      for (const _ of findInSteps(ids, isSecond));
    },
    findInSteps,
    merge(all, isSecond, nowMs) {
      let ids = pickIds(all, isSecond);
      if (ids.hashes.length === 0) return undefined;
      const known = segments();
      const replaced: Segment[] = [];
      let segment = { id: (known.at(-1)?.id ?? 0) + 1, oldest: nowMs, newest: nowMs };
      for (const before of known.toReversed()) {
        const count = before.ids + ids.hashes.length;
        const [oldest, newest] = [
          Math.min(before.oldest, segment.oldest),
          Math.max(before.newest, segment.newest),
        ];
        const isAlike = before.ids <= ids.hashes.length && count <= segmentIdsMax;
        if (!isAlike || newest - oldest > idsKeptMs / spansOfKept) break;
        ids = mergeIds(pages.read(before.id), ids);
        replaced.push(before);
        segment = { id: before.id, oldest, newest };
      }
      return { segment, ids, replaced };
    },
    keep({ segment: { id, oldest, newest }, ids, replaced }) {
      for (const before of replaced) removeSegment(before);
      insert.run(id, ids.hashes.length, oldest, newest);
      pages.insert(id, ids);
    },
    forget(beforeMs) {
      for (const segment of segments()) if (segment.newest < beforeMs) removeSegment(segment);
    },
  };
}

/** Both are in the order of their hashes. */
function findIn(pages: IdPages, segment: number, ids: SortedIds, isSecond: Uint8Array): void {
  for (let at = 0; at < ids.hashes.length;) {
    at = findOnPage(pages.pageOf(segment, ids.hashes[at]!), ids, at, isSecond);
  }
}

/** Returns which id comes next: its hash is behind the last of this page, so that it is on a later page, or on none. */
function findOnPage(page: IdPage, ids: SortedIds, from: number, isSecond: Uint8Array): number {
  const { hashes, places } = ids;
  const last = page.hashes.at(-1) ?? -1;
  let inPage = 0;
  let at = from;
  for (; at < hashes.length && (at === from || hashes[at]! <= last); at += 1) {
    const hash = hashes[at]!;
    while (page.hashes[inPage]! < hash) inPage += 1;
    for (let same = inPage; page.hashes[same] === hash; same += 1) {
      if (isSame(page.ids(), same, ids.ids, at)) isSecond[places[at]!] = 1;
    }
  }
  return at;
}

function isSame(one: Uint8Array, at: number, other: Uint8Array, otherAt: number): boolean {
  for (let byte = 0; byte < idBytes; byte += 1) {
    if (one[at * idBytes + byte] !== other[otherAt * idBytes + byte]) return false;
  }
  return true;
}
