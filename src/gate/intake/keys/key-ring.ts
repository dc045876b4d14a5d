import type { WriteKey } from '../../../config/config.ts';
import { hashWriteKey, keyIdOf } from '../../../config/write-key.ts';
import { compileEventGlobs } from '../../../event/glob.ts';
import type { Producer } from './producer.ts';

/** A write key of the log, which operators create and revoke while gates run. */
export interface RunTimeKey extends WriteKey {
  /** `keyIdOf` of its hash. */
  readonly id: string;
  /** Unix time in ms; undefined: it is not revoked. */
  readonly revokedAtMs: number | undefined;
}

/** A key of the log that was written, or is gone. */
export interface RunTimeKeyChange {
  readonly id: string;
  readonly key: RunTimeKey | undefined;
}

/** A key that the gate knows, in force or not. */
export interface HeldKey {
  readonly producer: Producer;
  /** From this Unix time in ms on it is refused. Infinity: never; -Infinity: it is revoked. */
  readonly endsAtMs: number;
  readonly revokedAtMs: number | undefined;
  /** Set for every request that it lets in, and read every few seconds: `takeUsed`. */
  isUsed: boolean;
}

/** The keys that a gate knows: those of its configuration, and those of the log, which win. */
export interface KeyRing {
  /** Undefined: this gate does not know the key. */
  find(key: string): HeldKey | undefined;
  /** Replaces the keys of the configuration. */
  useFileKeys(keys: readonly WriteKey[]): void;
  /** Applies changes of the keys of the log. */
  follow(changes: readonly RunTimeKeyChange[]): void;
  /** The ids of the keys that were used since the last call. */
  takeUsed(): string[];
}

/** How many keys are cached, so that a key is hashed once and not for every request. */
const rememberedMax = 10_000;

export function createKeyRing(
  fileKeys: readonly WriteKey[],
  runTimeKeys: readonly RunTimeKey[] = [],
): KeyRing {
  let ofFile = heldByHash(fileKeys);
  const ofLog = new Map<string, Held>();
  const hashes = new Map<string, string>();
  // Keys are looked up by digest, so the time of a comparison reveals nothing about the key.
  const remembered = new Map<string, Held>();

  const useFileKeys = (keys: readonly WriteKey[]): void => {
    const next = heldByHash(keys, ofFile);
    for (const [hash, held] of ofFile) if (!next.has(hash)) held.producer.isEnded = true;
    ofFile = next;
    remembered.clear();
  };
  const follow = (changes: readonly RunTimeKeyChange[]): void => {
    for (const { id, key } of changes) {
      const before = ofLog.get(hashes.get(id) ?? '');
      const next = key && heldKey(key, key.revokedAtMs);
      const isRevoked = next === undefined || next.endsAtMs === -Infinity;
      if (before !== undefined) before.producer.isEnded = isRevoked;
      if (key === undefined || next === undefined) {
        ofLog.delete(hashes.get(id) ?? '');
        hashes.delete(id);
        continue;
      }
      const inFile = ofFile.get(key.hash);
      if (inFile !== undefined && isRevoked) inFile.producer.isEnded = true;
      next.isUsed = before?.isUsed ?? false;
      ofLog.set(key.hash, next);
      hashes.set(id, key.hash);
    }
    remembered.clear();
  };
  follow(runTimeKeys.map((key) => ({ id: key.id, key })));

  return {
    find: (key) => {
      const known = remembered.get(key);
      if (known !== undefined) return known;
      const hash = hashWriteKey(key);
      const held = ofLog.get(hash) ?? ofFile.get(hash);
      if (held !== undefined && remembered.size < rememberedMax) remembered.set(key, held);
      return held;
    },
    useFileKeys,
    follow,
    takeUsed: () => {
      const used: string[] = [];
      for (const keys of [ofFile, ofLog]) {
        for (const [hash, held] of keys) {
          if (!held.isUsed) continue;
          held.isUsed = false;
          used.push(keyIdOf(hash));
        }
      }
      return used;
    },
  };
}

interface Held extends HeldKey {
  readonly producer: Producer & { isEnded: boolean };
  /** Text of what it was made of. */
  readonly made: string;
}

/** Keys that have not changed stay the same objects: `before`. */
function heldByHash(
  keys: readonly WriteKey[],
  before: ReadonlyMap<string, Held> = new Map(),
): Map<string, Held> {
  return new Map(
    keys.map((key) => {
      const held = heldKey(key, undefined);
      const same = before.get(key.hash);
      return [key.hash, same?.made === held.made ? same : held];
    }),
  );
}

function heldKey(key: WriteKey, revokedAtMs: number | undefined): Held {
  const { source, events, expiresAtMs = Infinity } = key;
  return {
    producer: { source, maySend: compileEventGlobs(events), isCanary: false, isEnded: false },
    // Not when it was revoked: the clock of the gate that wrote it may be ahead of this one's.
    endsAtMs: revokedAtMs === undefined ? expiresAtMs : -Infinity,
    revokedAtMs,
    isUsed: false,
    made: JSON.stringify(key),
  };
}
