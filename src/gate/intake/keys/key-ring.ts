import type { WriteKey } from '../../../config/config.ts';
import { hashWriteKey, keyIdOf, type SourceLimits } from '../../../config/write-key.ts';
import { compileEventGlobs } from '../../../event/glob.ts';
import { limitsInForce, type LimitedEntry } from './limits-in-force.ts';
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
  /** Replaces the keys of the configuration, and its sources of webhooks, which have limits too. */
  useFileKeys(keys: readonly WriteKey[], webhooks?: readonly LimitedEntry[]): void;
  /** Applies changes of the keys of the log. */
  follow(changes: readonly RunTimeKeyChange[]): void;
  /** The limits of a source, over all that states some; the same as its keys have. */
  limitsOf(source: string): SourceLimits | undefined;
  /** The ids of the keys that were used since the last call. */
  takeUsed(): string[];
}

/** How many keys are cached, so that a key is hashed once and not for every request. */
const rememberedMax = 10_000;

export function createKeyRing(
  fileKeys: readonly WriteKey[],
  runTimeKeys: readonly RunTimeKey[] = [],
  webhooksAtStart: readonly LimitedEntry[] = [],
): KeyRing {
  let ofFile = heldByHash(fileKeys);
  let webhooks = webhooksAtStart;
  const ofLog = new Map<string, Held>();
  const hashes = new Map<string, string>();
  // Keys are looked up by digest, so the time of a comparison reveals nothing about the key.
  const remembered = new Map<string, Held>();
  const limits = createRingLimits(
    () => entriesOf(ofFile, ofLog, webhooks),
    () => [...ofFile.values(), ...ofLog.values()],
  );

  const useFileKeys: KeyRing['useFileKeys'] = (keys, nextWebhooks = []) => {
    const next = heldByHash(keys, ofFile);
    for (const [hash, held] of ofFile) if (next.get(hash) !== held) held.producer.isEnded = true;
    ofFile = next;
    webhooks = nextWebhooks;
    limits.compute();
    remembered.clear();
  };
  const follow = (changes: readonly RunTimeKeyChange[]): void => {
    for (const { id, key } of changes) {
      const before = ofLog.get(hashes.get(id) ?? '');
      const next = key && heldKey(key, key.revokedAtMs);
      const isRevoked = next === undefined || next.endsAtMs === -Infinity;
      // A changed key has a new producer. Requests that hold the old one would not see the key end later.
      if (before !== undefined) before.producer.isEnded = isRevoked || before.made !== next.made;
      if (key === undefined || next === undefined) {
        ofLog.delete(hashes.get(id) ?? '');
        hashes.delete(id);
        continue;
      }
      const inFile = ofFile.get(key.hash);
      if (inFile !== undefined && isRevoked) inFile.producer.isEnded = true;
      next.isUsed = before?.isUsed ?? false;
      // Whoever holds the producer of a key that has not changed goes on to see its limits.
      ofLog.set(key.hash, before?.made === next.made ? before : next);
      hashes.set(id, key.hash);
    }
    limits.compute();
    remembered.clear();
  };
  follow(runTimeKeys.map((key) => ({ id: key.id, key })));

  return {
    find: (key) => {
      limits.end();
      const known = remembered.get(key);
      if (known !== undefined) return known;
      const hash = hashWriteKey(key);
      const held = ofLog.get(hash) ?? ofFile.get(hash);
      if (held !== undefined && remembered.size < rememberedMax) remembered.set(key, held);
      return held;
    },
    useFileKeys,
    follow,
    limitsOf: limits.of,
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
  readonly producer: Producer & { isEnded: boolean; limits: SourceLimits | undefined };
  /** As the key states them. */
  readonly stated: SourceLimits | undefined;
  /** Text of what it was made of. */
  readonly made: string;
}

/** Gives every producer the limits of its source. */
function createRingLimits(
  entries: () => Iterable<LimitedEntry>,
  held: () => Iterable<Pick<Held, 'producer'>>,
) {
  let inForce = limitsInForce([], new Map());
  const compute = (): void => {
    inForce = limitsInForce(entries(), inForce.bySource);
    for (const { producer } of held()) producer.limits = inForce.bySource.get(producer.source);
  };
  /** Limits end with the key that states them. The clock is read only while there is such a key. */
  const end = (): void => {
    if (inForce.untilMs !== Infinity && Date.now() >= inForce.untilMs) compute();
  };
  const of = (source: string): SourceLimits | undefined => {
    end();
    return inForce.bySource.get(source);
  };
  return { compute, end, of };
}

/** What states limits. Of a key of the file that is also in the log, that of the log counts. */
function* entriesOf(
  ofFile: ReadonlyMap<string, Held>,
  ofLog: ReadonlyMap<string, Held>,
  webhooks: readonly LimitedEntry[],
): Iterable<LimitedEntry> {
  yield* webhooks;
  for (const keys of [ofLog, ofFile]) {
    for (const [hash, { producer, stated, endsAtMs }] of keys) {
      const isReplaced = keys === ofFile && ofLog.has(hash);
      if (stated === undefined || isReplaced) continue;
      yield { source: producer.source, limits: stated, endsAtMs };
    }
  }
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
  const { source, events, relaySources = [], limits, expiresAtMs = Infinity } = key;
  const maySend = compileEventGlobs(events);
  // Without globs, `compileEventGlobs` would match every source.
  const mayRelay = relaySources.length === 0 ? undefined : compileEventGlobs(relaySources);
  return {
    producer: { source, maySend, mayRelay, isCanary: false, isEnded: false, limits },
    stated: limits,
    // Not when it was revoked: the clock of the gate that wrote it may be ahead of this one's.
    endsAtMs: revokedAtMs === undefined ? expiresAtMs : -Infinity,
    revokedAtMs,
    isUsed: false,
    made: JSON.stringify(key),
  };
}
