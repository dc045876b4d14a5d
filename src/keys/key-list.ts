import type { WriteKey } from '../config/config.ts';
import { keyIdOf } from '../config/write-key.ts';
import type { KeyContents } from './contents.ts';
import { isExpiringInUse, stateOf, type KeyState } from './key-state.ts';
import type { StoredKey } from './stored-key.ts';

/** A key as operators see it. Times are Unix times in ms. */
export interface ListedKey extends Partial<StoredKey> {
  readonly id: string;
  readonly source: string;
  readonly events: readonly string[];
  /** It is in the configuration of this gate. */
  readonly isInFile: boolean;
  readonly state: KeyState;
  /** The newest key that replaces it, by id. */
  readonly replacedBy: string | undefined;
  /** To the minute, as a Unix time in ms. Undefined: it was never used. */
  readonly lastUsedAtMs: number | undefined;
  /** It expires within 14 days, and is in use. */
  readonly isExpiringInUse: boolean;
}

/** The keys of the configuration, and those of the log, oldest first. The latter win. */
export function listKeys(
  contents: Pick<KeyContents, 'keys' | 'lastUsedAtMs'>,
  fileKeys: readonly WriteKey[],
): ListedKey[] {
  const keys = [...contents.keys()].sort((one, other) => one.createdAtMs - other.createdAtMs);
  const replacedBy = new Map(
    keys
      .filter(({ replaces }) => replaces !== undefined)
      .map(({ id, replaces }) => [replaces!, id]),
  );
  const describe = <Key extends WriteKey & Partial<StoredKey>>(key: Key, isInFile: boolean) => {
    const id = keyIdOf(key.hash);
    const lastUsedAtMs = contents.lastUsedAtMs(id);
    const successor = replacedBy.get(id);
    return {
      ...key,
      id,
      isInFile,
      state: stateOf(key),
      replacedBy: successor,
      lastUsedAtMs,
      isExpiringInUse: isExpiringInUse(key, lastUsedAtMs, successor !== undefined),
    };
  };
  const inLog = new Set(keys.map(({ hash }) => hash));
  const inFile = new Set(fileKeys.map(({ hash }) => hash));
  return [
    ...fileKeys.filter(({ hash }) => !inLog.has(hash)).map((key) => describe(key, true)),
    ...keys.map((key) => describe(key, inFile.has(key.hash))),
  ];
}

export type KeyCounts = Readonly<Record<KeyState | 'expiringInUse', number>>;

/** How many keys of the log have a state, and how many of all end soon and are in use. */
export function countKeys(
  contents: Pick<KeyContents, 'keys' | 'lastUsedAtMs'>,
  fileKeys: readonly WriteKey[],
): KeyCounts {
  const counts = { in_force: 0, expired: 0, revoked: 0, expiringInUse: 0 };
  const keys = contents.keys();
  const replaced = new Set(keys.map(({ replaces }) => replaces));
  for (const key of keys) {
    counts[stateOf(key)] += 1;
    const isReplaced = replaced.has(key.id);
    if (isExpiringInUse(key, contents.lastUsedAtMs(key.id), isReplaced)) counts.expiringInUse += 1;
  }
  const inLog = new Set(keys.map(({ hash }) => hash));
  for (const key of fileKeys) {
    const lastUsedAtMs = contents.lastUsedAtMs(keyIdOf(key.hash));
    if (!inLog.has(key.hash) && isExpiringInUse(key, lastUsedAtMs, false)) {
      counts.expiringInUse += 1;
    }
  }
  return counts;
}
