import { createHash } from 'node:crypto';

/** A source is a token of a NATS subject and a metric label, hence the narrow alphabet. */
export const sourcePattern = /^[a-z0-9][a-z0-9_-]{0,63}$/;

/** The hash that `keys:` holds in place of a write key. */
export const keyHashPattern = /^sha256:[0-9a-f]{64}$/;

/** A glob on event names, in which `*` stands for any run of characters. */
export const eventGlobPattern = /^[a-z0-9_*]+$/;

/** A glob on sources, in the same form. */
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
