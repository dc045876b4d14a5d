import { createHash, randomBytes } from 'node:crypto';

/** A source is a token of a NATS subject and a metric label, hence the narrow alphabet. */
export const sourcePattern = /^[a-z0-9][a-z0-9_-]{0,63}$/;

/** What `sourcePattern` allows, for people. */
export const sourceForm = 'begin with a letter or digit, then at most 63 of a-z, 0-9, _ and -';

/** The hash that `keys:` holds in place of a write key. */
export const keyHashPattern = /^sha256:[0-9a-f]{64}$/;

/**
 * A glob on event names, in which `*` stands for any run of characters: any text that a name may hold
 * (event/name/event-name.ts), with room for a star between all of them.
 */
export const eventGlobPattern = /^[^\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u202a-\u202e\u2066-\u2069]{1,256}$/u;

/** Every write key that we make begins with it. */
export const writeKeyPrefix = 'hg_';

/** A glob on sources, in which `*` stands for any run of characters. */
export const sourceGlobPattern = /^[a-z0-9_*-]+$/;

/**
 * The form in which a write key is configured and looked up.
 *
 * A plain digest is enough: a key has 256 random bits, so it cannot be guessed and
 * needs no slow password hash. The gate computes this digest for every request.
 */
export function hashWriteKey(key: string): string {
  return `sha256:${createHash('sha256').update(key).digest('hex')}`;
}

/** Makes a write key: 256 random bits. It is shown once, and only its hash is kept. */
export function newWriteKey(): string {
  return `${writeKeyPrefix}${randomBytes(32).toString('base64url')}`;
}

const hashPrefix = 'sha256:';
const idDigits = 12;

/** An id of a write key, as `keyIdOf` makes it. */
export const keyIdPattern = /^[0-9a-f]{12}$/;

/**
 * The name of a write key wherever the key itself must not be shown: the first 12 digits of its
 * SHA-256. Whoever finds a key can compute its id, and revoke it.
 */
export function keyIdOf(hash: string): string {
  return hash.slice(hashPrefix.length, hashPrefix.length + idDigits);
}

/**
 * What one source may send, with all of its keys together. Each limit is undefined where there is
 * none: docs/operate/source-limits.md.
 */
export interface SourceLimits {
  readonly eventsPerSecond: number | undefined;
  /** How many events may come at once after a pause. Set where `eventsPerSecond` is. */
  readonly burst: number | undefined;
  /** Bytes of request messages, inflated, from midnight to midnight UTC. */
  readonly bytesPerDay: number | undefined;
}

export const eventsPerSecondMax = 1_000_000;
export const burstMax = 10_000_000;
export const bytesPerDayMin = 1024;

/** Limits with their burst. Undefined if none is stated. */
export function completeLimits({
  eventsPerSecond,
  burst,
  bytesPerDay,
}: Partial<SourceLimits>): SourceLimits | undefined {
  if (eventsPerSecond === undefined && bytesPerDay === undefined) return undefined;
  return {
    eventsPerSecond,
    burst: eventsPerSecond === undefined ? undefined : (burst ?? eventsPerSecond),
    bytesPerDay,
  };
}

/** What is wrong with limits that were not read from the configuration; undefined: nothing. */
export function faultOfLimits(limits: Partial<SourceLimits>): string | undefined {
  const { eventsPerSecond = 1, burst = 1, bytesPerDay = bytesPerDayMin } = limits;
  const isWithin = (value: number, min: number, max: number): boolean =>
    Number.isInteger(value) && value >= min && value <= max;
  if (!isWithin(eventsPerSecond, 1, eventsPerSecondMax)) {
    return `limits.events_per_second is not within 1 and ${eventsPerSecondMax}.`;
  }
  if (!isWithin(burst, 1, burstMax)) return `limits.burst is not within 1 and ${burstMax}.`;
  if (!isWithin(bytesPerDay, bytesPerDayMin, Number.MAX_SAFE_INTEGER)) {
    return `limits.bytes_per_day is below ${bytesPerDayMin}, or no whole number of bytes.`;
  }
  if (limits.burst !== undefined && limits.eventsPerSecond === undefined) {
    return 'limits.burst is used with limits.events_per_second only: state that too.';
  }
  return undefined;
}

/**
 * The limits of each source that has some. Limits belong to the source: a key without limits has
 * those of the other keys. The configuration refuses keys that differ; keys that are made at run
 * time may differ for a moment, and then the strictest value of each limit applies.
 */
export function limitsBySource(
  entries: Iterable<{ readonly source: string; readonly limits?: SourceLimits | undefined }>,
): ReadonlyMap<string, SourceLimits> {
  const bySource = new Map<string, SourceLimits>();
  for (const { source, limits } of entries) {
    if (limits === undefined) continue;
    const known = bySource.get(source);
    bySource.set(source, known === undefined ? limits : strictest(known, limits));
  }
  return bySource;
}

export function isSameLimits(one: SourceLimits, other: SourceLimits): boolean {
  return (
    one.eventsPerSecond === other.eventsPerSecond &&
    one.burst === other.burst &&
    one.bytesPerDay === other.bytesPerDay
  );
}

function strictest(one: SourceLimits, other: SourceLimits): SourceLimits {
  return {
    eventsPerSecond: smaller(one.eventsPerSecond, other.eventsPerSecond),
    burst: smaller(one.burst, other.burst),
    bytesPerDay: smaller(one.bytesPerDay, other.bytesPerDay),
  };
}

function smaller(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}
