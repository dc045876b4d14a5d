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

/** The streams that are delivered to destinations: each destination has a durable consumer on each. */
export const consumedStreams = ['EVENTS', 'REPLAY', 'RETRY'] as const;
export type ConsumedStream = (typeof consumedStreams)[number];

/** Every subject, written in one place. */
export const subjects = {
  event: (source: string, eventName: string) => `headgate.events.${source}.${eventName}`,
  rejected: (source: string, eventName: string) => `headgate.rejected.${source}.${eventName}`,
  /** Also in REJECTED: the note of a replay is younger than its event, so it lives longer. */
  replayed: 'headgate.replayed',
  attempt: (destination: string, sequence: number) =>
    `headgate.attempts.${destination}.${sequence}`,
  dead: (destination: string, eventName: string) => `headgate.dead.${destination}.${eventName}`,
  discarded: (destination: string, eventName: string) =>
    `headgate.discarded.${destination}.${eventName}`,
  replay: (destination: string, eventName: string) => `headgate.replay.${destination}.${eventName}`,
  retry: (destination: string, eventName: string) => `headgate.retry.${destination}.${eventName}`,
  /** Holds the lock of one dead letter. */
  claim: (deadSequence: number) => `headgate.claims.${deadSequence}`,
  probe: 'headgate.probe',
  /** NATS's own layout of a key-value bucket: `nats kv get headgate_schemas taxonomy` reads it. */
  schemas: (key: string) => `$KV.headgate_schemas.${key}`,
} as const;

/**
 * How long the lock of a dead letter outlives a process that crashed while it held it, in ms. Longer
 * than any publish may wait (nats.publish_timeout, a minute at most).
 */
export const claimMs = 120_000;

/** REJECTED files events under this name when the taxonomy has no entry for theirs. */
export const unplannedName = '_unplanned';

export interface TopologyOptions {
  readonly dedupWindowMs: number;
  /** All streams together. */
  readonly storageBytesMax: number;
  readonly replicas: number;
  /** Whether the log also keeps the contracts: `schemas.source: registry`. */
  readonly keepsSchemas?: boolean;
}

/** How many revisions of an entry are kept, so that a sound one remains behind a bad one. */
export const schemaRevisionsMax = 16;
