import { createHash } from 'node:crypto';

import type { Setting } from './setting.ts';

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

/** The settings of the limits, under a key and under a source of webhooks. */
export const sourceLimitSettings = {
  'limits.events_per_second': {
    kind: 'integer',
    default: null,
    min: 1,
    max: 1_000_000,
    text: 'How many events the source may send in a second, with all of its keys and over all gates. Beyond that its requests are answered with 429.',
  },
  'limits.burst': {
    kind: 'integer',
    default: null,
    defaultText: 'the events of one second',
    min: 1,
    max: 10_000_000,
    text: 'How many events the source may send at once after a pause.',
  },
  'limits.bytes_per_day': {
    kind: 'bytes',
    default: null,
    min: '1KiB',
    text: 'How many bytes of requests, inflated, the source may send from midnight to midnight UTC. At least `limits.request_bytes_max`: a larger request could never be sent.',
  },
} as const satisfies Record<string, Setting>;
