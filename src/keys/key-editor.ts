import { hashWriteKey, keyIdOf, newWriteKey, type SourceLimits } from '../config/write-key.ts';
import type { WriteKey } from '../config/config.ts';
import { ServiceError } from '../errors.ts';
import type { Bucket } from '../jetstream/bucket/bucket.ts';
import { isConflict } from '../jetstream/publish/publish-error.ts';
import type { KeyContents } from './contents.ts';
import {
  encodeStoredKey,
  endOf,
  keyEntry,
  keysMax,
  usedEntry,
  type StoredKey,
} from './stored-key.ts';

/** A key that was made just now. `text` is the key itself, which nothing keeps: show it once. */
export interface MadeKey {
  readonly key: StoredKey;
  readonly text: string;
}

/** What a new key is to be. Its values are checked: key-service.ts. */
export interface WantedKey {
  readonly source: string;
  readonly events: readonly string[];
  /** Globs on the sources whose events it may forward. Undefined: none. */
  readonly relaySources?: readonly string[] | undefined;
  /** How long it is to be valid, in ms; undefined: it does not expire. */
  readonly lifetimeMs: number | undefined;
  /** Of its source. Undefined: those of the other keys of the source. */
  readonly limits?: SourceLimits | undefined;
}

/** Changes the keys of every gate. `by` is the name of the operator. Throws `key_not_found`, `key_refused`. */
export interface KeyEditor {
  create(wanted: WantedKey, by: string): Promise<MadeKey>;
  /**
   * Makes a key with the source, the events and the lifetime of another, which ends after
   * `overlapMs`, if it does not end before. With 0 it is revoked.
   */
  rotate(id: string, overlapMs: number, by: string): Promise<MadeKey & { replaced: StoredKey }>;
  /**
   * A key that was revoked before stays as it is. One that only the configuration has gets an entry that
   * refuses it: what the log says of a key wins at every gate.
   */
  revoke(id: string, by: string): Promise<StoredKey>;
}

export interface KeyEditorOptions {
  readonly bucket: Bucket;
  readonly contents: KeyContents;
  /** Reads and applies everything written so far. */
  readonly refresh: () => Promise<void>;
  /** A key of the configuration of this gate. Default: it has none. */
  readonly fileKeyOf?: (id: string) => WriteKey | undefined;
  /** For tests. */
  readonly keysMax?: number;
}

/** Each try loses to another writer of the same key. */
const triesMax = 5;
/** Ended keys are kept this long at least: a caller learns why its key is refused. */
const endedKeptMs = 30 * 86_400_000;

export function createKeyEditor(options: KeyEditorOptions): KeyEditor {
  const { contents, refresh } = options;

  /** Writes a changed key, and reads it again if another process was faster. */
  const change = async (
    id: string,
    changed: (key: StoredKey) => StoredKey,
    findKey = find,
  ): Promise<StoredKey> => {
    for (let tries = 1; ; tries += 1) {
      const before = await findKey(id);
      const after = changed(before);
      if (after === before) return before;
      try {
        const text = encodeStoredKey(after);
        await options.bucket.put(keyEntry(id), text, contents.revisionOf(id));
        return after;
      } catch (error) {
        if (!isConflict(error) || tries === triesMax) throw error;
      }
    }
  };

  const find = async (id: string): Promise<StoredKey> => {
    await refresh();
    const key = contents.keyOf(id);
    if (key !== undefined) return key;
    throw new ServiceError('key_not_found', `The log has no write key ${id}.`);
  };
  const findAnywhere = async (id: string): Promise<StoredKey> => {
    await refresh();
    const ofFile = contents.keyOf(id) === undefined ? options.fileKeyOf?.(id) : undefined;
    return ofFile === undefined ? find(id) : storedFileKey(id, ofFile);
  };

  return {
    create: (wanted, by) => refreshedAround(refresh, () => make(options, wanted, by)),
    rotate: async (id, overlapMs, by) => {
      const old = await find(id);
      refuseEnded(old);
      const { source, events, relaySources, lifetimeMs, limits } = old;
      const same = { source, events, relaySources, lifetimeMs, limits };
      const made = await make(options, { ...same, replaces: id }, by);
      const endsAtMs = Date.now() + overlapMs;
      const replaced = await change(id, (key) => {
        if (overlapMs === 0) return revokedNow(key, by);
        return endOf(key) <= endsAtMs ? key : { ...key, expiresAtMs: endsAtMs };
      });
      await refresh();
      return { ...made, replaced };
    },
    revoke: async (id, by) => {
      const revoked = await change(id, (key) => revokedNow(key, by), findAnywhere);
      await refresh();
      return revoked;
    },
  };
}

async function make(
  options: KeyEditorOptions,
  wanted: WantedKey & Partial<StoredKey>,
  by: string,
): Promise<MadeKey> {
  const text = newWriteKey();
  const hash = hashWriteKey(text);
  const createdAtMs = Date.now();
  const { lifetimeMs } = wanted;
  const key: StoredKey = {
    replaces: undefined,
    limits: undefined,
    ...wanted,
    id: keyIdOf(hash),
    hash,
    createdAtMs,
    createdBy: by,
    expiresAtMs: lifetimeMs === undefined ? undefined : createdAtMs + lifetimeMs,
    revokedAtMs: undefined,
    revokedBy: undefined,
  };
  await makeRoom(options);
  // 48 bits of the hash: if a key has this id already, this fails, and the operator tries again.
  await options.bucket.put(
    keyEntry(key.id),
    encodeStoredKey(key),
    options.contents.revisionOf(key.id),
  );
  return { key, text };
}

async function refreshedAround<Result>(
  refresh: () => Promise<void>,
  work: () => Promise<Result>,
): Promise<Result> {
  await refresh();
  const result = await work();
  await refresh();
  return result;
}

function storedFileKey(id: string, key: WriteKey): StoredKey {
  return {
    ...key,
    id,
    isOfFile: true,
    createdAtMs: 0,
    createdBy: '',
    lifetimeMs: undefined,
    replaces: undefined,
    revokedAtMs: undefined,
    revokedBy: undefined,
    limits: key.limits,
  };
}

function revokedNow(key: StoredKey, by: string): StoredKey {
  if (key.revokedAtMs !== undefined) return key;
  return { ...key, revokedAtMs: Date.now(), revokedBy: by };
}

function refuseEnded(key: StoredKey): void {
  const { id, revokedAtMs } = key;
  const end = endOf(key);
  if (end > Date.now()) return;
  throw new ServiceError(
    'key_refused',
    `The write key ${id} ${revokedAtMs === undefined ? 'expired' : 'was revoked'} at ` +
      `${new Date(end).toISOString()}: create another one.`,
  );
}

/** More than this is left for revocations, which are longer than what they replace. */
const fullnessMax = 0.6;

/** Deletes the key that ended longest ago, if there are too many. Throws `key_refused`. */
async function makeRoom(options: KeyEditorOptions): Promise<void> {
  const { bucket, contents, keysMax: max = keysMax } = options;
  if ((await bucket.fullness()) > fullnessMax) {
    throw new ServiceError(
      'key_refused',
      'The room for write keys is used up: raise log.storage_bytes_max, of which it is 1 %.',
    );
  }
  while (contents.size() >= max) {
    const [oldest] = contents
      .keys()
      // Without its entry, a key that still stands in a file would be accepted again.
      .filter((key) => key.isOfFile !== true && endOf(key) < Date.now() - endedKeptMs)
      .sort((one, other) => endOf(one) - endOf(other));
    if (oldest === undefined) {
      throw new ServiceError(
        'key_refused',
        `The log has ${max} write keys, the most that it keeps. Those that ended more than 30 days ` +
          'ago make room.',
      );
    }
    await bucket.remove(keyEntry(oldest.id));
    await bucket.remove(usedEntry(oldest.id));
    contents.forget(oldest.id);
  }
}
