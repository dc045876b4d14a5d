import { tokenOfName } from '../event/name/name-token.ts';

/**
 * The streams of the log. EVENTS is kept in one stream of NATS for each partition
 * (events/event-streams.ts); every other stream of the log is one of NATS, under the same name.
 */
export const streamNames = [
  'EVENTS',
  'REJECTED',
  'ATTEMPTS',
  'ADVISORIES',
  'DEAD',
  'REPLAY',
  'RETRY',
  'ASIDE',
  'FILTERED',
  'CLAIMS',
  'PROBE',
  'LEDGER',
  'AUDIT',
  'KV_headgate_schemas',
  'KV_headgate_keys',
  'KV_headgate_limits',
  'KV_headgate_counts',
] as const;
export type StreamName = (typeof streamNames)[number];

/** Whether a stream of NATS belongs to the log, of this release or another one. */
export function isStreamOfLog(name: string): boolean {
  const isKnown = (streamNames as readonly string[]).includes(name);
  return isKnown || isPartitionStream(name) || name.startsWith('KV_headgate_');
}

/** Whether a subject of a stream is one of the log. */
export function isSubjectOfLog(subject: string): boolean {
  return subject.startsWith('headgate.') || subject.startsWith('$KV.headgate_');
}

/** The streams in the layout of a NATS bucket: bucket/bucket.ts. */
export type BucketStream = Extract<StreamName, `KV_${string}`>;

/**
 * The streams that are delivered to destinations: each destination has a durable consumer on each.
 */
export const consumedStreams = ['EVENTS', 'REPLAY', 'RETRY', 'ASIDE'] as const;
export type ConsumedStream = (typeof consumedStreams)[number];

/** The stream of NATS that holds the events of a partition. */
export const partitionStream = (partition: number) => `EVENTS_${partition}` as const;

export function isPartitionStream(name: string): boolean {
  return /^EVENTS_\d+$/.test(name);
}

/** @param stream of a partition. */
export const partitionOfStream = (stream: string): number => Number(stream.slice('EVENTS_'.length));

/**
 * The stream of NATS in which releases without partitions kept the events. It takes no new ones,
 * and is deleted once its events are old and settled (docs/adr/0032-partitions-and-the-ledger.md).
 */
export const earlierStream = 'EVENTS';

/** Whether a stream of NATS holds events: one of a partition, or of an earlier release. */
export function isEventStream(name: string): boolean {
  return name === earlierStream || isPartitionStream(name);
}

/** A stream as NATS knows it. */
export type StoredStreamName = StreamName | ReturnType<typeof partitionStream>;

/**
 * `refused`: the answer was an error, which its sender sees, so it may be deleted by age.
 * `quarantined`: the sender got a 2xx and has likely dropped it, so the kept copy is the event.
 */
export type RejectedKind = 'refused' | 'quarantined';

/** How many neighbouring events one look-up of an event in ASIDE reads at most. */
export const asideGroupSize = 1_024;

/** In place of an event's name: every name. No text can stand for it, because a name may be `*`. */
export const anyName = Symbol('any event name');
type NameOrAny = string | typeof anyName;

function tokenOf(eventName: NameOrAny): string {
  return typeof eventName === 'string' ? tokenOfName(eventName) : '*';
}

/** The subjects of all streams. Names of events are as they were sent, or `anyName`. */
export const subjects = {
  event: (source: string, eventName: NameOrAny, partition = 0) =>
    `headgate.events.${partition}.${source}.${tokenOf(eventName)}`,
  /** The same in every partition, to read them. The source may be `*`. */
  eventsOf: (source: string, eventName: NameOrAny) =>
    `headgate.events.*.${source}.${tokenOf(eventName)}`,
  /** What earlier releases publish to: their subjects have no partition. */
  eventWithoutPartition: 'headgate.events.*.*',
  /** What NATS makes of these: source and name stay. */
  eventFromEarlier: 'headgate.events.0.{{wildcard(1)}}.{{wildcard(2)}}',
  /** The stream of earlier releases takes nothing under this subject, but answers a known id. */
  earlierIds: 'headgate.earlier',
  /** The same for a partition that was closed. */
  closedIds: (partition: number) => `headgate.closed.${partition}`,
  /** How earlier releases kept rejected events; also the beginning of what is kept now. */
  rejected: (source: string, eventName: NameOrAny) =>
    `headgate.rejected.${source}.${tokenOf(eventName)}`,
  /** The kind says whether it may be deleted unsettled, the class how large it is (rejected/). */
  rejectedAs: (source: string, eventName: NameOrAny, kind: RejectedKind | '*', sizeClass: string) =>
    `headgate.rejected.${source}.${tokenOf(eventName)}.${kind}.${sizeClass}`,
  /** Every rejected event of a source, or of all: `*`. */
  rejectedOf: (source: string) => `headgate.rejected.${source}.>`,
  /** The record of a replay or a discard, also in REJECTED. It outlives its events. */
  replayed: 'headgate.replayed',
  attempt: (destination: string, sequence: number) =>
    `headgate.attempts.${destination}.${sequence}`,
  attemptsOf: (destination: string) => `headgate.attempts.${destination}.*`,
  dead: (destination: string, eventName: NameOrAny) =>
    `headgate.dead.${destination}.${tokenOf(eventName)}`,
  discarded: (destination: string, eventName: NameOrAny) =>
    `headgate.discarded.${destination}.${tokenOf(eventName)}`,
  replay: (destination: string, eventName: NameOrAny) =>
    `headgate.replay.${destination}.${tokenOf(eventName)}`,
  /** Copies of a redelivery, also in REPLAY. They have a consumer of their own. */
  redelivery: (destination: string, eventName: NameOrAny) =>
    `headgate.redelivery.${destination}.${tokenOf(eventName)}`,
  retry: (destination: string, eventName: NameOrAny) =>
    `headgate.retry.${destination}.${tokenOf(eventName)}`,
  /** Filters that earlier releases have given to NATS, too. */
  replayOf: (destination: string) => `headgate.replay.${destination}.>`,
  retryOf: (destination: string) => `headgate.retry.${destination}.>`,
  /**
   * An event that was moved aside, by its position in EVENTS. Subjects are counted in the server's
   * memory, so that `asideGroupSize` neighbours share one.
   */
  aside: (destination: string, position: number, source: string, eventName: NameOrAny) =>
    `headgate.aside.${destination}.${Math.floor(position / asideGroupSize)}.${source}.${tokenOf(eventName)}`,
  asideOf: (destination: string) => `headgate.aside.${destination}.>`,
  filtered: (destination: string) => `headgate.filtered.${destination}`,
  /** The lock of one dead letter. */
  claim: (deadSequence: number) => `headgate.claims.${deadSequence}`,
  /** The claim of the process that confirms the deliveries of a destination. */
  confirming: (destination: string) => `headgate.claims.confirming-${destination}`,
  /** The claim of the process that spreads the leaders of the partitions. */
  spreading: 'headgate.claims.spreading-leaders',
  probe: 'headgate.probe',
  /**
   * What was deleted from a stream of NATS on purpose, what was found missing, and how far the
   * deliveries of a destination are confirmed.
   */
  ledger: (stream: string, what: string) => `headgate.ledger.${stream}.${what}`,
  /** From which sequence on the events of a stream are kept, also in LEDGER. */
  purged: (stream: string) => `headgate.ledger.${stream}.purged`,
  /** The partitions of EVENTS, also in LEDGER: events/layout.ts. */
  layout: 'headgate.ledger.layout.events',
  /**
   * What an operator did. Everything about one act has the same bucket, the first three hex digits of
   * its id: a subject for each act would cost the server memory.
   */
  audit: (action: string, bucket: string) => `headgate.audit.${action}.${bucket}`,
  /** The newest redelivery of a destination, also in LEDGER. */
  redeliveryJob: (destination: string) => `headgate.ledger.redelivery.${destination}`,
  /** Whether a destination is paused, also in LEDGER. */
  pause: (destination: string) => `headgate.ledger.pause.${destination}`,
  /** The layout of a NATS key-value bucket: `nats kv get headgate_schemas taxonomy` reads it. */
  schemas: (key: string) => `$KV.headgate_schemas.${key}`,
  /** The same: `nats kv ls headgate_keys` lists the ids of write keys. */
  keys: (key: string) => `$KV.headgate_keys.${key}`,
  /** What a gate took of the limits of sources on a day: the same layout. */
  limits: (gate: string) => `$KV.headgate_limits.${gate}`,
  /** The same, for the gates that run now. No stream keeps it. */
  limitsNow: 'headgate.limits.taken',
  /** What a process counted in an hour of the Unix epoch: the layout of a bucket. */
  counts: (hour: number | '*', processId: string) => `$KV.headgate_counts.${hour}.${processId}`,
} as const;

const firstPartition = 'headgate.events.0';

/** The subject of an event in a partition, from that in partition 0. */
export function subjectInPartition(subject: string, partition: number): string {
  return `headgate.events.${partition}${subject.slice(firstPartition.length)}`;
}

/**
 * How long the lock of a dead letter remains after its process crashed, in ms. It is longer than
 * the longest publish (nats.publish_timeout, at most a minute).
 */
export const claimMs = 120_000;

/** The name in REJECTED for events whose own name is not in the taxonomy. */
export const unplannedName = '_unplanned';

export interface TopologyOptions {
  readonly dedupWindowMs: number;
  /** Into how many partitions a new log is split. Undefined: one. */
  readonly partitions?: number;
  /** The limit for all streams together. */
  readonly storageBytesMax: number;
  /** The limit for REJECTED. Undefined: a part of `storageBytesMax`, at most 1 GiB. */
  readonly rejectedBytesMax?: number | undefined;
  /** The limit for ASIDE. Undefined: an eighth of the room for events. At most three quarters. */
  readonly asideBytesMax?: number | undefined;
  readonly replicas: number;
  /** How long the audit log keeps its entries. Undefined: as long as they have room. */
  readonly auditRetentionMs?: number | undefined;
  /** Whether the log also keeps the contracts: `schemas.source: registry`. */
  readonly keepsSchemas?: boolean;
}

/** How many revisions of an entry are kept, so that a valid one remains after a bad one. */
export const schemaRevisionsMax = 16;
