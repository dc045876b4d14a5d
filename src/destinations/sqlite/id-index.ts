import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { inTransaction } from '../local-files/transaction.ts';
import { createRecentKeys, type RecentKeys } from './recent-keys.ts';

/**
 * What makes an event one row, in a table of any size: which ids have a row.
 *
 * Ids are random, so a unique index over them writes a page of 4 KiB somewhere in the file for each row,
 * and the larger it is, the fewer of those pages are in the cache. A key that begins with a time would
 * go to the end of an index, but a second copy of an event comes with another time and the same id
 * (docs/adr/0033-identity-without-a-clock.md). So the ids are kept as a log-structured merge tree of two
 * levels (docs/adr/0047-an-index-of-ids-that-merges.md):
 *
 * - `event_id_runs` has the keys of each batch as they came, one blob at the end of the table. They are in
 *   memory, too.
 * - `event_ids` has all earlier keys in order. Runs are merged into it, a range of keys with each batch, so
 *   that the keys of hundreds of batches share the write of a page.
 *
 * A key is 48 bits of an id. It only says where to look: the row itself says whether it has the id. So a
 * row that was deleted can come again, and two ids may have one key.
 *
 * Everything is written in the transaction of the batch.
 */
export interface IdIndex {
  /**
   * Right after BEGIN IMMEDIATE: learns what other connections have written.
   *
   * @param expected keys that `has` is asked for in this transaction: looking all of them up at once, in their
   *   order, takes a third of the time. Any others are looked up one by one.
   */
  begin(expected?: Float64Array): void;
  /** Whether a row has this id. @param key `keyOf(id)`. */
  has(key: number, id: string): boolean;
  /** The rows that may have an id with this key. */
  numbersOf(key: number): readonly number[];
  /** The number of the row that is inserted next. */
  next(): number;
  /** That row is inserted. */
  add(key: number): void;
  /** Right before COMMIT. */
  end(): void;
  /** After ROLLBACK: what was added is forgotten. */
  forget(): void;
}

/** The names of the tables of an index. */
export interface IdTables {
  readonly ids: string;
  readonly runs: string;
  readonly merge: string;
}

/** Of the rows of `events`. */
export const eventIdTables: IdTables = {
  ids: 'event_ids',
  runs: 'event_id_runs',
  merge: 'event_id_merge',
};

/** Of the rows of all tables of events together. */
export const typedIdTables: IdTables = {
  ids: 'headgate_ids',
  runs: 'headgate_id_runs',
  merge: 'headgate_id_merge',
};

export const createIdTables = ({ ids, runs, merge }: IdTables): string => `
  CREATE TABLE ${ids} (
    key INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (key, number)
  ) WITHOUT ROWID;
  CREATE TABLE ${runs} (first INTEGER PRIMARY KEY, keys BLOB NOT NULL);
  -- Rows up to merged are in ${ids}; those up to merging as well, if their key is below merging_key.
  CREATE TABLE ${merge} (merged INTEGER NOT NULL, merging INTEGER, merging_key INTEGER);
  INSERT INTO ${merge} VALUES (0, NULL, NULL);`;

/** An index that lacks a table is made again, and learns all rows with the next batch. */
export function restoreIdTables(database: DatabaseSync, tables: IdTables): void {
  if (hasIdTables(database, tables)) return;
  inTransaction(database, () => {
    if (hasIdTables(database, tables)) return;
    for (const table of Object.values(tables)) database.exec(`DROP TABLE IF EXISTS ${table}`);
    database.exec(createIdTables(tables));
  });
}

function hasIdTables(database: DatabaseSync, tables: IdTables): boolean {
  const table = database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?");
  return Object.values(tables).every((name) => table.get(name) !== undefined);
}

/** 48 bits, the first 12 hex digits of a UUID. */
const keyEnd = 2 ** 48;

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-/;

/** SQL can make it, too: docs/destinations/sqlite.md. */
export function keyOf(id: string): number {
  if (uuid.test(id)) return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
  // Real events have UUIDs. FNV-1a in two halves.
  let low = 0x811c9dc5;
  let high = 0x1b873593;
  for (let at = 0; at < id.length; at += 1) {
    low = Math.imul(low ^ id.charCodeAt(at), 0x01000193);
    high = Math.imul(high ^ (id.charCodeAt(at) + at), 0x85ebca6b);
  }
  return (high >>> 16) * 2 ** 32 + (low >>> 0);
}

export interface IdIndexLimits {
  /** How many keys wait at least before they are merged. */
  readonly waitingMin: number;
  /** And at most: 24 MB of memory, and as many again while they are merged. */
  readonly waitingMax: number;
}

/** Between them an eighth of all: a merge writes a page of `event_ids` for 25 rows then. */
const limitsOfUse: IdIndexLimits = { waitingMin: 50_000, waitingMax: 500_000 };

/** Keys that are merged for each key of a batch, so that a merge ends long before the next begins. */
const mergedPerAdded = 3;
const mergedMin = 64;

/** Rows that are read at once of those that were inserted by another program. */
const foundPage = 10_000;

/** The rows whose ids an index has. */
export interface IndexedRows {
  has(number: number, id: string): boolean;
  /** Those with higher numbers, in the order of the numbers, each number once. */
  after(number: number, limit: number): readonly NumberedRow[];
}

export interface NumberedRow {
  readonly number: number;
  readonly id: string;
}

/** The rows of the table `events`, which has `number` as its key. */
export function rowsOfEvents(database: DatabaseSync): IndexedRows {
  const row = database.prepare('SELECT 1 FROM events WHERE number = ? AND event_id = ?');
  const after = database.prepare(
    'SELECT number, event_id AS id FROM events WHERE number > ? ORDER BY number LIMIT ?',
  );
  return {
    has: (number, id) => row.get(number, id) !== undefined,
    after: (number, limit) => after.all(number, limit) as unknown as NumberedRow[],
  };
}

/** @param database has `createIdTables` of these tables. */
export function createIdIndex(
  database: DatabaseSync,
  tables: IdTables,
  indexed: IndexedRows,
  limits = limitsOfUse,
): IdIndex {
  const statements = prepareStatements(database, tables);
  const keys = createKeys(statements, limits);
  let version: SQLOutputValue | undefined;
  let added: number[] = [];
  let ahead = noneAhead;

  // Nearly no key is there, and to hear that from `get` costs less.
  const merged = (key: number): readonly number[] => {
    const known = ahead.find(key);
    if (known !== undefined) return known;
    if (statements.isMerged.get(key) === undefined) return none;
    return statements.merged.all(key).map((found) => Number(found['number']));
  };

  /** Rows that another program inserted, or copied from another file. */
  const addFound = (): void => {
    for (;;) {
      const rows = indexed.after(keys.last(), foundPage);
      if (rows.length === 0) return;
      let run: number[] = [];
      for (const [at, { number, id }] of rows.entries()) {
        run.push(keys.add(keyOf(id), number));
        if (rows[at + 1]?.number === number + 1) continue;
        keys.store(number - run.length + 1, run);
        run = [];
      }
      keys.merge(rows.length);
    }
  };

  return {
    begin(expected = noKeys) {
      added = [];
      const current = statements.version.get()?.['data_version'];
      if (current !== version) {
        keys.load(version === undefined);
        addFound();
        version = current;
      }
      ahead = lookAhead(statements, expected);
    },
    has(key, id) {
      for (const number of keys.find(key)) if (indexed.has(number, id)) return true;
      return merged(key).some((number) => indexed.has(number, id));
    },
    numbersOf: (key) => [...keys.find(key), ...merged(key)],
    next: () => keys.last() + 1,
    add(key) {
      added.push(keys.add(key, keys.last() + 1));
    },
    end() {
      if (added.length > 0) keys.store(keys.last() - added.length + 1, added);
      keys.merge(added.length);
    },
    forget() {
      version = undefined;
    },
  };
}

/** What `event_ids` has of keys that were looked up together. It stays right until the next merge. */
interface KeysAhead {
  /** Undefined if the key was not looked up. */
  find(key: number): readonly number[] | undefined;
}

const none: readonly number[] = [];
const noKeys = new Float64Array();
const noneAhead: KeysAhead = { find: () => undefined };

/** Keys of one statement. What is left of fewer is not worth one. */
const aheadKeys = 100;

function lookAhead({ mergedOfMany }: Statements, expected: Float64Array): KeysAhead {
  const count = expected.length - (expected.length % aheadKeys);
  if (count === 0) return noneAhead;
  // In their order, so that neighbors meet the same page.
  const sorted = expected.toSorted().subarray(0, count);
  const found = new Map<number, number[]>();
  for (let at = 0; at < count; at += aheadKeys) {
    for (const row of mergedOfMany.all(...sorted.subarray(at, at + aheadKeys))) {
      const key = Number(row['key']);
      found.set(key, [...(found.get(key) ?? []), Number(row['number'])]);
    }
  }
  return { find: (key) => (isAmong(sorted, key) ? (found.get(key) ?? none) : undefined) };
}

function isAmong(sorted: Float64Array, key: number): boolean {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === key;
}

/** The keys that are not in `event_ids`, or not all of them yet. */
interface Keys {
  /** The number of the last row that has its key in a run or in `event_ids`. */
  last(): number;
  /** Reads what is new; everything, if what is in memory may be wrong. */
  load(everything: boolean): void;
  find(key: number): readonly number[];
  /** In memory alone. Returns the key. */
  add(key: number, number: number): number;
  /** A run, of rows from `first` on. */
  store(first: number, run: readonly number[]): void;
  /** Merges a share for so many keys that were added. */
  merge(addedCount: number): void;
}

function createKeys(statements: Statements, limits: IdIndexLimits): Keys {
  let merge: Merge = { merged: 0, merging: undefined, key: 0 };
  /** Those that wait, and those that are being merged. */
  let waiting: RecentKeys = createRecentKeys(0);
  let sealed: RecentKeys | undefined;
  let last = 0;

  const startMerge = (): void => {
    const due = Math.min(limits.waitingMax, Math.max(limits.waitingMin, last / 8));
    if (sealed !== undefined || waiting.count() < due) return;
    sealed = waiting;
    waiting = createRecentKeys(last);
    merge = { merged: merge.merged, merging: last, key: 0 };
    statements.setMerge.run(merge.merged, last, 0);
  };

  return {
    last: () => last,
    load(everything) {
      const found = readMerge(statements);
      if (everything || !sameMerge(found, merge)) {
        merge = found;
        waiting = createRecentKeys(merge.merging ?? merge.merged);
        sealed = merge.merging === undefined ? undefined : createRecentKeys(merge.merged);
        last = merge.merged;
      }
      for (const { first, keys } of readRuns(statements, last)) {
        const into = merge.merging !== undefined && first <= merge.merging ? sealed! : waiting;
        for (const [at, key] of keys.entries()) into.add(key, first + at);
        last = first + keys.length - 1;
      }
    },
    find(key) {
      const found = waiting.find(key);
      return sealed === undefined ? found : found.concat(sealed.find(key));
    },
    add(key, number) {
      waiting.add(key, number);
      last = number;
      return key;
    },
    store(first, run) {
      statements.insertRun.run(first, new Uint8Array(Float64Array.from(run).buffer));
    },
    merge(addedCount) {
      startMerge();
      if (sealed === undefined || merge.merging === undefined) return;
      const { merged, merging } = merge;
      const share = Math.max(mergedMin, addedCount * mergedPerAdded) / sealed.count();
      const high = Math.min(keyEnd, merge.key + Math.ceil(share * keyEnd));
      for (const { key, number } of sealed.between(merge.key, high)) {
        statements.insertKey.run(key, number);
      }
      const isDone = high === keyEnd;
      if (isDone) {
        statements.deleteRuns.run(merging);
        sealed = undefined;
      }
      merge = isDone
        ? { merged: merging, merging: undefined, key: 0 }
        : { merged, merging, key: high };
      statements.setMerge.run(merge.merged, merge.merging ?? null, isDone ? null : high);
    },
  };
}

interface Merge {
  readonly merged: number;
  readonly merging: number | undefined;
  /** Keys below it are in `event_ids` already. */
  readonly key: number;
}

function sameMerge(left: Merge, right: Merge): boolean {
  return left.merged === right.merged && left.merging === right.merging && left.key === right.key;
}

type Statements = ReturnType<typeof prepareStatements>;

function prepareStatements(database: DatabaseSync, { ids, runs, merge }: IdTables) {
  const prepare = (sql: string) => database.prepare(sql);
  return {
    version: prepare('PRAGMA data_version'),
    state: prepare(`SELECT merged, merging, merging_key FROM ${merge}`),
    setMerge: prepare(`UPDATE ${merge} SET merged = ?, merging = ?, merging_key = ?`),
    runs: prepare(`SELECT first, keys FROM ${runs} WHERE first > ? ORDER BY first`),
    insertRun: prepare(`INSERT INTO ${runs} VALUES (?, ?)`),
    deleteRuns: prepare(`DELETE FROM ${runs} WHERE first <= ?`),
    isMerged: prepare(`SELECT 1 FROM ${ids} WHERE key = ?`),
    merged: prepare(`SELECT number FROM ${ids} WHERE key = ?`),
    mergedOfMany: prepare(
      `SELECT key, number FROM ${ids} WHERE key IN (${'?, '.repeat(aheadKeys - 1)}?)`,
    ),
    insertKey: prepare(`INSERT INTO ${ids} VALUES (?, ?)`),
  };
}

function readMerge(statements: Statements): Merge {
  const row = statements.state.get();
  const merging = row?.['merging'];
  return {
    merged: Number(row?.['merged'] ?? 0),
    merging: merging === null || merging === undefined ? undefined : Number(merging),
    key: Number(row?.['merging_key'] ?? 0),
  };
}

function* readRuns(
  statements: Statements,
  after: number,
): Generator<{ first: number; keys: Float64Array }> {
  for (const row of statements.runs.iterate(after)) {
    // A copy, because a view of numbers begins at a multiple of eight bytes.
    const bytes = Uint8Array.from(row['keys'] as Uint8Array);
    yield { first: Number(row['first']), keys: new Float64Array(bytes.buffer) };
  }
}
