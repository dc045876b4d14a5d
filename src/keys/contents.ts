import type { BucketEntry } from '../jetstream/bucket/bucket.ts';
import { decodeStoredKey, type StoredKey } from './stored-key.ts';

/** A key that was written, or is gone: deleted with NATS tools, or no longer readable. */
export interface KeyChange {
  readonly id: string;
  /** Undefined: it is gone. */
  readonly key: StoredKey | undefined;
}

/** What this process knows of the bucket of write keys. */
export interface KeyContents {
  /** Applies revisions, oldest first. Returns the keys that have changed. */
  apply(entries: readonly BucketEntry[]): readonly KeyChange[];
  /** Replaces everything by the whole bucket. Returns the keys that have changed. */
  replace(entries: readonly BucketEntry[]): readonly KeyChange[];
  /** Drops a key that was removed from the bucket, which no write reports. */
  forget(id: string): void;
  readonly keys: () => readonly StoredKey[];
  readonly size: () => number;
  readonly keyOf: (id: string) => StoredKey | undefined;
  /** The newest applied revision of any entry. */
  readonly revision: () => number;
  /** The revision that a write of this key must expect; 0 if it was never written. */
  readonly revisionOf: (id: string) => number;
  /** When a key was last used, to the minute, as a Unix time in ms; undefined if never. */
  readonly lastUsedAtMs: (id: string) => number | undefined;
  /** Entries of keys that cannot be read: their keys are not in force. */
  readonly unreadable: () => readonly string[];
}

interface Applied {
  readonly keys: Map<string, StoredKey>;
  readonly revisions: Map<string, number>;
  readonly used: Map<string, number>;
  readonly unreadable: Set<string>;
  revision: number;
}

const nothing = (): Applied => ({
  keys: new Map(),
  revisions: new Map(),
  used: new Map(),
  unreadable: new Set(),
  revision: 0,
});

export function createKeyContents(): KeyContents {
  let applied = nothing();
  return {
    apply: (entries) => {
      const changed = new Map<string, KeyChange>();
      for (const entry of entries.filter(({ revision }) => revision > applied.revision)) {
        const id = applyEntry(applied, entry);
        if (id !== undefined) changed.set(id, { id, key: applied.keys.get(id) });
      }
      return [...changed.values()];
    },
    replace: (entries) => {
      const before = applied.keys;
      applied = nothing();
      for (const entry of entries) applyEntry(applied, entry);
      const ids = new Set([...before.keys(), ...applied.keys.keys()]);
      return [...ids].map((id) => ({ id, key: applied.keys.get(id) }));
    },
    forget: (id) => {
      for (const known of [applied.keys, applied.revisions, applied.used]) known.delete(id);
    },
    keys: () => [...applied.keys.values()],
    size: () => applied.keys.size,
    keyOf: (id) => applied.keys.get(id),
    revision: () => applied.revision,
    revisionOf: (id) => applied.revisions.get(id) ?? 0,
    lastUsedAtMs: (id) => applied.used.get(id),
    unreadable: () => [...applied.unreadable],
  };
}

const entryPattern = /^(key|used)\.([0-9a-f]{12})$/;

/** Applies one revision. Returns the id of the key that it changes, or undefined. */
function applyEntry(applied: Applied, entry: BucketEntry): string | undefined {
  applied.revision = Math.max(applied.revision, entry.revision);
  const [, kind, id = ''] = entryPattern.exec(entry.key) ?? [];
  if (kind === 'used') {
    const usedAtMs = Date.parse(entry.value);
    if (!Number.isNaN(usedAtMs)) applied.used.set(id, usedAtMs);
    return undefined;
  }
  if (kind !== 'key') return undefined;
  applied.revisions.set(id, entry.revision);
  const key = entry.deleted ? undefined : decodeStoredKey(id, entry.value);
  // The same is known of it after a restart, which reads the newest revision alone.
  if (key === undefined) applied.keys.delete(id);
  else applied.keys.set(id, key);
  if (key === undefined && !entry.deleted) applied.unreadable.add(id);
  else applied.unreadable.delete(id);
  return id;
}
