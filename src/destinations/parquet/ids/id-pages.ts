import type { DatabaseSync } from 'node:sqlite';
import { emptyIds, idBytes, type SortedIds } from './sorted-ids.ts';

/** Ids next to each other in a segment. */
export interface IdPage {
  /** In order. */
  readonly hashes: Uint32Array;
  /** Read when they are asked for. */
  ids(): Uint8Array;
}

/** The segments of kept ids, in pages. Ids with the same hash are on one page. */
export interface IdPages {
  insert(segment: number, ids: SortedIds): void;
  /** The whole segment. */
  read(segment: number): SortedIds;
  /** The page that has a hash, if any has. */
  pageOf(segment: number, hash: number): IdPage;
  remove(segment: number): void;
}

const pageIds = 1024;
const hashEnd = 2 ** 32;

const noPage: IdPage = { hashes: new Uint32Array(), ids: () => new Uint8Array() };

export function createIdPages(database: DatabaseSync): IdPages {
  const insert = database.prepare('INSERT INTO id_pages VALUES (?, ?, ?)');
  const all = database.prepare(
    'SELECT hashes, ids FROM id_pages WHERE key >= ? AND key < ? ORDER BY key',
  );
  const find = database.prepare(
    'SELECT key, hashes FROM id_pages WHERE key >= ? AND key <= ? ORDER BY key DESC LIMIT 1',
  );
  const idsOf = database.prepare('SELECT ids FROM id_pages WHERE key = ?');
  const remove = database.prepare('DELETE FROM id_pages WHERE key >= ? AND key < ?');
  const range = (segment: number) => [segment * hashEnd, (segment + 1) * hashEnd] as const;
  return {
    insert(segment, { hashes, ids }) {
      for (let from = 0; from < hashes.length;) {
        let to = Math.min(from + pageIds, hashes.length);
        while (to < hashes.length && hashes[to] === hashes[to - 1]) to += 1;
        const own = hashes.subarray(from, to);
        const bytes = new Uint8Array(own.buffer, own.byteOffset, own.byteLength);
        const key = segment * hashEnd + hashes[from]!;
        insert.run(key, bytes, ids.subarray(from * idBytes, to * idBytes));
        from = to;
      }
    },
    read(segment) {
      const pages = all.all(...range(segment)).map((row) => ({
        hashes: numbersOf(row['hashes']),
        ids: row['ids'] as Uint8Array,
      }));
      const read = emptyIds(pages.reduce((sum, { hashes }) => sum + hashes.length, 0));
      let at = 0;
      for (const { hashes, ids } of pages) {
        read.hashes.set(hashes, at);
        read.ids.set(ids, at * idBytes);
        at += hashes.length;
      }
      return read;
    },
    pageOf(segment, hash) {
      const row = find.get(segment * hashEnd, segment * hashEnd + hash);
      if (row === undefined) return noPage;
      let ids: Uint8Array | undefined;
      const readIds = () => idsOf.get(Number(row['key']))?.['ids'] as Uint8Array;
      return { hashes: numbersOf(row['hashes']), ids: () => (ids ??= readIds()) };
    },
    remove: (segment) => void remove.run(...range(segment)),
  };
}

function numbersOf(value: unknown): Uint32Array {
  // A copy, because a view of numbers begins at a multiple of four bytes.
  return new Uint32Array(Uint8Array.from(value as Uint8Array).buffer);
}
