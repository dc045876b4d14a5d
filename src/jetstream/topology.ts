export const streamNames = [
  'EVENTS',
  'REJECTED',
  'ATTEMPTS',
  'ADVISORIES',
  'DEAD',
  'REPLAY',
  'RETRY',
  'CLAIMS',
  'PROBE',
  'KV_headgate_schemas',
] as const;
export type StreamName = (typeof streamNames)[number];

/**
 * The streams that are delivered to destinations: each destination has a durable consumer on each.
 */
export const consumedStreams = ['EVENTS', 'REPLAY', 'RETRY'] as const;
export type ConsumedStream = (typeof consumedStreams)[number];

/** The subjects of all streams. */
export const subjects = {
  event: (source: string, eventName: string) => `headgate.events.${source}.${eventName}`,
  rejected: (source: string, eventName: string) => `headgate.rejected.${source}.${eventName}`,
  /** The record of a replay, also in REJECTED. It is younger than its event, so it outlives it. */
  replayed: 'headgate.replayed',
  attempt: (destination: string, sequence: number) =>
    `headgate.attempts.${destination}.${sequence}`,
  dead: (destination: string, eventName: string) => `headgate.dead.${destination}.${eventName}`,
  discarded: (destination: string, eventName: string) =>
    `headgate.discarded.${destination}.${eventName}`,
  replay: (destination: string, eventName: string) => `headgate.replay.${destination}.${eventName}`,
  retry: (destination: string, eventName: string) => `headgate.retry.${destination}.${eventName}`,
  /** The lock of one dead letter. */
  claim: (deadSequence: number) => `headgate.claims.${deadSequence}`,
  probe: 'headgate.probe',
  /** The layout of a NATS key-value bucket: `nats kv get headgate_schemas taxonomy` reads it. */
  schemas: (key: string) => `$KV.headgate_schemas.${key}`,
} as const;

/**
 * How long the lock of a dead letter remains after its process crashed, in ms. It is longer than
 * the longest publish (nats.publish_timeout, at most a minute).
 */
export const claimMs = 120_000;

/** The name in REJECTED for events whose own name is not in the taxonomy. */
export const unplannedName = '_unplanned';

export interface TopologyOptions {
  readonly dedupWindowMs: number;
  /** The limit for all streams together. */
  readonly storageBytesMax: number;
  readonly replicas: number;
  /** Whether the log also keeps the contracts: `schemas.source: registry`. */
  readonly keepsSchemas?: boolean;
}

/** How many revisions of an entry are kept, so that a valid one remains after a bad one. */
export const schemaRevisionsMax = 16;
