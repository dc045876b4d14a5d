import {
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  type JetStreamManager,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream';

import { StartError } from '../../errors.ts';
import { layoutDefault, streamNotFound, type StoredLayout } from '../events/layout.ts';
import { closedStreams, firstSequenceOf, type ClosedStreams } from './partitions/closed-streams.ts';
import {
  applyLayout,
  ensureLayout,
  LayoutChanged,
  type CheckLayout,
} from './partitions/ensure-layout.ts';
import {
  advisorySubjects,
  eventStreams,
  existingEvents,
  type ExistingEvents,
} from './partitions/event-settings.ts';
import { retryWhileForming } from './retry-forming.ts';
import { waitUntilReadable } from './stream-readiness.ts';
import {
  anyName,
  claimMs,
  isPartitionStream,
  schemaRevisionsMax,
  subjects,
  type StoredStreamName,
  type TopologyOptions,
} from '../topology.ts';

const second = 1_000_000_000;
const day = 86_400 * second;
const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;

/** Longer than an advisory ever waits for its collector. */
const deadDedupWindowMs = 86_400_000;

type StreamSettings = Partial<StreamConfig> & { name: StoredStreamName; subjects: string[] };

/** References to events that NATS gave up on. NATS publishes each advisory once, to no stream. */
const advisories = {
  name: 'ADVISORIES',
  discard: DiscardPolicy.Old,
  max_age: 14 * day,
} as const;

/** Copies of delayed events, which wait for their next attempt. */
const retries = {
  name: 'RETRY',
  subjects: ['headgate.retry.>'] as string[],
  discard: DiscardPolicy.New,
} as const;

/** Events of destinations that are away, which have left EVENTS to make room. */
const aside = {
  name: 'ASIDE',
  subjects: ['headgate.aside.>'] as string[],
  discard: DiscardPolicy.New,
} as const;

/** The part of the room for events that ASIDE has, and the most that it may be given. */
const asideShare = 0.125;
const asideShareMax = 0.75;

/** The locks of dead letters. */
const claims: StreamSettings = {
  name: 'CLAIMS',
  subjects: ['headgate.claims.*'],
  // Locks expire by age. A new lock must never be rejected because the stream is full.
  discard: DiscardPolicy.Old,
  max_age: claimMs * 1_000_000,
  duplicate_window: second,
};

/** The newest probe of the log. */
const probes = {
  name: 'PROBE',
  subjects: [subjects.probe] as string[],
  discard: DiscardPolicy.Old,
  max_msgs: 1,
} as const;

/** What was deleted from the events, and what was lost. Of each subject the newest entry counts. */
const ledger = {
  name: 'LEDGER',
  subjects: [subjects.ledger('*', '*')] as string[],
  discard: DiscardPolicy.New,
  max_msgs_per_subject: 1,
} as const;

/** What gates took of the limits of sources: of each start of a gate the newest report. */
const limits = {
  name: 'KV_headgate_limits',
  subjects: [subjects.limits('*')] as string[],
  discard: DiscardPolicy.Old,
  max_msgs_per_subject: 1,
  // A report is of one day of UTC.
  max_age: 2 * day,
} as const;

/** What processes counted by hour. Each writes its entry of the current hour again and again. */
const counts = {
  name: 'KV_headgate_counts',
  subjects: [subjects.counts('*', '*')] as string[],
  discard: DiscardPolicy.Old,
  max_msgs_per_subject: 1,
  // Eight days, and the hour that has begun before them.
  max_age: 9 * day,
} as const;

/** Which events a transform filtered, for reconciliation, which looks back no further. */
const filtered = {
  name: 'FILTERED',
  subjects: [subjects.filtered('*')] as string[],
  discard: DiscardPolicy.Old,
  max_age: 8 * day,
} as const;

/** What operators did. Only its age deletes an entry, never a new entry, an operator or Headgate. */
function auditStream({ auditRetentionMs = 0 }: TopologyOptions) {
  return {
    name: 'AUDIT',
    subjects: [subjects.audit('*', '*')] as string[],
    discard: DiscardPolicy.New,
    deny_delete: true,
    deny_purge: true,
    max_age: auditRetentionMs * 1_000_000,
  } as const;
}

const probe = mebibyte;

/** The sizes of the streams: together less than `storageBytesMax`. */
function sizesOf(options: TopologyOptions) {
  const total = options.storageBytesMax;
  const part = (share: number, bytesMax: number): number =>
    Math.min(bytesMax, Math.floor(total * share));
  const side = part(0.08, gibibyte);
  const sizes = {
    side,
    advisories: part(0.02, 64 * mebibyte),
    bucket: options.keepsSchemas === true ? part(0.04, 64 * mebibyte) : 0,
    ledger: part(0.01, 16 * mebibyte),
    limits: part(0.01, 16 * mebibyte),
    filtered: part(0.01, 64 * mebibyte),
    rejected: Math.min(options.rejectedBytesMax ?? side, Math.floor(total * 0.5)),
    audit: part(0.02, 256 * mebibyte),
    keys: part(0.01, 16 * mebibyte),
    counts: part(0.01, 16 * mebibyte),
  };
  const others = Object.values(sizes).reduce((sum, bytes) => sum + bytes, side * 3 + probe * 3);
  return { ...sizes, events: total - others };
}

/**
 * The settings of every stream. The sizes add up to less than `storageBytesMax`: a stream on a full
 * disk freezes until the server restarts, but a stream at its own limit rejects messages cleanly.
 * `existing` says which streams hold events. Default: those of a new log with one partition.
 */
export function streamSettings(
  options: TopologyOptions,
  existing: ExistingEvents = { layout: layoutDefault, closed: [], closedBytes: 0 },
): StreamSettings[] {
  const sizes = sizesOf(options);
  const { side, bucket } = sizes;
  const asideBytes = asideBytesOf(sizes.events, options.asideBytesMax);
  const common = {
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    num_replicas: options.replicas,
    allow_direct: true,
  };
  return [
    ...eventStreams(options, sizes.events - asideBytes, existing).map((one) => ({
      ...common,
      ...one,
    })),
    { ...common, ...ledger, max_bytes: sizes.ledger },
    { ...common, ...limits, max_bytes: sizes.limits },
    { ...common, ...counts, max_bytes: sizes.counts },
    { ...common, ...auditStream(options), max_bytes: sizes.audit },
    {
      ...common,
      name: 'REJECTED',
      subjects: ['headgate.rejected.>', subjects.replayed],
      // Only quarantine/cleanup.ts deletes what was quarantined, once it is settled.
      discard: DiscardPolicy.New,
      max_age: 0,
      max_bytes: sizes.rejected,
    },
    {
      ...common,
      name: 'ATTEMPTS',
      subjects: ['headgate.attempts.>'],
      discard: DiscardPolicy.Old,
      max_age: 7 * day,
      max_bytes: side,
    },
    {
      ...common,
      ...advisories,
      subjects: advisorySubjects(existing.layout),
      max_bytes: sizes.advisories,
    },
    {
      ...common,
      name: 'DEAD',
      subjects: ['headgate.dead.>', 'headgate.discarded.>'],
      discard: DiscardPolicy.New,
      max_bytes: side,
      duplicate_window: deadDedupWindowMs * 1_000_000,
    },
    {
      ...common,
      name: 'REPLAY',
      subjects: ['headgate.replay.>', subjects.redelivery('*', anyName)],
      discard: DiscardPolicy.New,
      max_bytes: side,
      // If the dead letter could not be deleted, the same replay may be requested much later.
      duplicate_window: deadDedupWindowMs * 1_000_000,
    },
    { ...common, ...retries, max_bytes: side },
    { ...common, ...aside, max_bytes: asideBytes },
    { ...common, ...filtered, max_bytes: sizes.filtered },
    { ...common, ...claims, max_bytes: probe },
    { ...common, ...probes, max_bytes: probe },
    ...(bucket === 0 ? [] : [{ ...common, ...schemas, max_bytes: bucket }]),
    { ...common, ...keys, max_bytes: sizes.keys },
  ];
}

/** A stream without room would be one without a limit. */
function asideBytesOf(room: number, configured: number | undefined): number {
  const wanted = configured ?? room * asideShare;
  return Math.max(1, Math.floor(Math.min(wanted, room * asideShareMax)));
}

/** A key-value bucket for NATS clients. Released contracts are never deleted or purged. */
const schemas = {
  name: 'KV_headgate_schemas',
  subjects: [subjects.schemas('>')],
  discard: DiscardPolicy.New,
  max_msgs_per_subject: schemaRevisionsMax,
  deny_delete: true,
  deny_purge: true,
} satisfies StreamSettings;

/** A key-value bucket, too. Of a write key the newest revision counts. */
const keys = {
  name: 'KV_headgate_keys',
  subjects: [subjects.keys('>')],
  // A full bucket refuses a new key; it never forgets one.
  discard: DiscardPolicy.New,
  max_msgs_per_subject: 1,
} satisfies StreamSettings;

/** The streams that were created or updated, and the layout that they have. */
export interface EnsuredStreams extends StoredLayout {
  readonly names: readonly StoredStreamName[];
}

/** Creates missing streams and updates the others. Throws a StartError if NATS refuses. */
export function ensureStreams(
  manager: JetStreamManager,
  options: TopologyOptions,
): Promise<EnsuredStreams> {
  const read = async () => {
    const infos = await retryWhileForming(() => readInfos(manager));
    const ensureLedger = () => createLedger(manager, options, infos);
    const { partitions } = options;
    return { infos, ...(await ensureLayout({ manager, infos, partitions, ensureLedger })) };
  };
  return applyLayout(manager, read, async ({ infos, layout, sequence }, check) => {
    const existing = existingEvents(layout, infos);
    const wanted = streamSettings(options, existing);
    const closed = closedStreams(manager, existing.closed);
    const change = { manager, options, infos, closed, check };
    for (const settings of wanted) await ensureStream(change, settings);
    return { names: wanted.map(({ name }) => name), layout, sequence };
  });
}

async function createLedger(
  manager: JetStreamManager,
  options: TopologyOptions,
  infos: ReadonlyMap<string, StreamInfo>,
): Promise<void> {
  const settings = streamSettings(options).find(({ name }) => name === 'LEDGER')!;
  const closed = closedStreams(manager, []);
  await ensureStream({ manager, options, infos, closed, check: async () => {} }, settings);
  if (options.replicas > 1) await waitUntilReadable(manager, ['LEDGER']);
}

interface StreamsChange {
  readonly closed: ClosedStreams;
  readonly manager: JetStreamManager;
  readonly options: TopologyOptions;
  readonly infos: ReadonlyMap<string, StreamInfo>;
  /** Called directly before each change. */
  readonly check: CheckLayout;
}

async function ensureStream(change: StreamsChange, settings: StreamSettings): Promise<void> {
  const { options, infos, closed } = change;
  const info = infos.get(settings.name);
  try {
    if (info === undefined) await add(change, settings);
    else await update(change, info.config, keepingMessages(info, settings));
  } catch (cause) {
    if (cause instanceof StartError || cause instanceof LayoutChanged) throw cause;
    // Another process has deleted it, because its events were old and settled.
    if (closed.names.includes(settings.name) && codeOf(cause) === streamNotFound) return;
    throw new StartError(
      `The stream ${settings.name} cannot be ${info === undefined ? 'created' : 'updated'}: ` +
        `${(cause as Error).message}.${roomAdvice(cause as Error, options.storageBytesMax)}`,
      { cause },
    );
  }
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}

/** What a server says that has less room than the streams reserve: alone, or in a cluster. */
const roomRefused = /insufficient (?:storage|resources)/;

function roomAdvice({ message }: Error, storageBytesMax: number): string {
  if (!roomRefused.test(message)) return '';
  const mebibytes = Math.ceil(storageBytesMax / mebibyte);
  return (
    ` The streams of Headgate reserve up to ${mebibytes} MiB on each server: give JetStream more ` +
    '(max_file_store), or lower log.storage_bytes_max (HEADGATE_LOG_STORAGE_BYTES_MAX).'
  );
}

/** A server deletes the oldest messages of a stream whose limit falls below its size. */
function keepingMessages({ state }: StreamInfo, settings: StreamSettings): StreamSettings {
  const isKept = settings.name === 'REJECTED' || settings.name === 'AUDIT';
  if (!isKept || settings.max_bytes! >= state.bytes) return settings;
  return { ...settings, max_bytes: state.bytes };
}

async function update(
  { manager, check }: StreamsChange,
  current: StreamConfig,
  settings: StreamSettings,
): Promise<void> {
  if (driftOf(current, settings).length === 0) return;
  // The client fills in what is absent from the present settings; undefined removes it.
  const removed = { subject_transform: undefined } as unknown as Partial<StreamConfig>;
  const wanted = { ...current, ...removed, ...settings };
  await check();
  await retryWhileForming(() => manager.streams.update(settings.name, wanted));
}

const nameInUse = 10058;

async function add(change: StreamsChange, settings: StreamSettings): Promise<void> {
  const { manager, closed, check } = change;
  const isPartition = isPartitionStream(settings.name);
  const firstSequence = isPartition ? await firstSequenceOf(manager, settings.name, closed) : 1;
  const first = firstSequence === 1 ? {} : { first_seq: firstSequence };
  await check();
  try {
    await retryWhileForming(() => manager.streams.add({ ...settings, ...first }));
  } catch (error) {
    // Another process was faster, and chose another first sequence or another size.
    if (codeOf(error) !== nameInUse) throw error;
    const { config } = await manager.streams.info(settings.name);
    await update(change, config, settings);
  }
}

async function readInfos(manager: JetStreamManager): Promise<Map<string, StreamInfo>> {
  const infos = new Map<string, StreamInfo>();
  for await (const info of manager.streams.list()) infos.set(info.config.name, info);
  return infos;
}

/** The names of the settings that differ from the wanted ones. */
export function driftOf(current: StreamConfig, wanted: StreamSettings): string[] {
  const drifted = Object.entries(wanted).filter(
    ([key, value]) => JSON.stringify(current[key as keyof StreamConfig]) !== JSON.stringify(value),
  );
  return drifted.map(([key]) => key);
}
