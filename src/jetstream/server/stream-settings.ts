import {
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  type JetStreamManager,
  type StreamConfig,
} from '@nats-io/jetstream';

import { StartError } from '../../errors.ts';
import { retryWhileForming } from './retry-forming.ts';
import {
  claimMs,
  schemaRevisionsMax,
  subjects,
  type StreamName,
  type TopologyOptions,
} from '../topology.ts';

const second = 1_000_000_000;
const day = 86_400 * second;
const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;

/** Longer than an advisory ever waits for its collector. */
const deadDedupWindowMs = 86_400_000;

type StreamSettings = Partial<StreamConfig> & { name: StreamName; subjects: string[] };

/** References to events that NATS gave up on. NATS publishes each advisory once, to no stream. */
const advisories = {
  name: 'ADVISORIES',
  subjects: ['EVENTS', 'REPLAY'].flatMap((stream) => [
    `$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.${stream}.*`,
    `$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.${stream}.*`,
  ]),
  discard: DiscardPolicy.Old,
  max_age: 14 * day,
} as const;

/** Copies of delayed events, which wait for their next attempt. */
const retries = {
  name: 'RETRY',
  subjects: ['headgate.retry.>'] as string[],
  discard: DiscardPolicy.New,
} as const;

/** The locks of dead letters. */
const claims: StreamSettings = {
  name: 'CLAIMS',
  subjects: ['headgate.claims.*'],
  // Locks expire by age. A new lock must never be rejected because the stream is full.
  discard: DiscardPolicy.Old,
  max_age: claimMs * 1_000_000,
  duplicate_window: second,
};

/**
 * The settings of every stream. The sizes add up to less than `storageBytesMax`: a stream on a full
 * disk freezes until the server restarts, but a stream at its own limit rejects messages cleanly.
 */
export function streamSettings(options: TopologyOptions): StreamSettings[] {
  const total = options.storageBytesMax;
  const share = Math.floor(total * 0.08);
  const side = Math.min(gibibyte, share);
  const advisoryBytes = Math.min(64 * mebibyte, Math.floor(total * 0.02));
  const probe = mebibyte;
  const schemaBytes = Math.min(64 * mebibyte, Math.floor(total * 0.04));
  const bucket = options.keepsSchemas === true ? schemaBytes : 0;
  const common = {
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    num_replicas: options.replicas,
    allow_direct: true,
  };
  return [
    {
      ...common,
      name: 'EVENTS',
      subjects: ['headgate.events.>'],
      discard: DiscardPolicy.New,
      max_bytes: total - side * 5 - advisoryBytes - probe * 3 - bucket,
      duplicate_window: options.dedupWindowMs * 1_000_000,
      deny_delete: true,
    },
    {
      ...common,
      name: 'REJECTED',
      subjects: ['headgate.rejected.>', subjects.replayed],
      discard: DiscardPolicy.Old,
      max_age: 7 * day,
      max_bytes: side,
    },
    {
      ...common,
      name: 'ATTEMPTS',
      subjects: ['headgate.attempts.>'],
      discard: DiscardPolicy.Old,
      max_age: 7 * day,
      max_bytes: side,
    },
    { ...common, ...advisories, max_bytes: advisoryBytes },
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
      subjects: ['headgate.replay.>'],
      discard: DiscardPolicy.New,
      max_bytes: side,
      // If the dead letter could not be deleted, the same replay may be requested much later.
      duplicate_window: deadDedupWindowMs * 1_000_000,
    },
    { ...common, ...retries, max_bytes: side },
    { ...common, ...claims, max_bytes: probe },
    {
      ...common,
      name: 'PROBE',
      subjects: [subjects.probe],
      discard: DiscardPolicy.Old,
      max_msgs: 1,
      max_bytes: probe,
    },
    ...(bucket === 0 ? [] : [{ ...common, ...schemas, max_bytes: bucket }]),
  ];
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

/** Creates missing streams and updates the others. Throws a StartError if NATS refuses. */
export async function ensureStreams(
  manager: JetStreamManager,
  options: TopologyOptions,
): Promise<void> {
  const existing = await retryWhileForming(() => readConfigs(manager));
  for (const settings of streamSettings(options)) {
    const current = existing.get(settings.name);
    try {
      if (current === undefined) {
        await retryWhileForming(() => manager.streams.add(settings));
      } else if (driftOf(current, settings).length > 0) {
        await retryWhileForming(() =>
          manager.streams.update(settings.name, { ...current, ...settings }),
        );
      }
    } catch (cause) {
      throw new StartError(
        `The stream ${settings.name} cannot be ${current === undefined ? 'created' : 'updated'}: ` +
          `${(cause as Error).message}.`,
        { cause },
      );
    }
  }
}

async function readConfigs(manager: JetStreamManager): Promise<Map<string, StreamConfig>> {
  const configs = new Map<string, StreamConfig>();
  for await (const info of manager.streams.list()) configs.set(info.config.name, info.config);
  return configs;
}

/** The names of the settings that differ from the wanted ones. */
export function driftOf(current: StreamConfig, wanted: StreamSettings): string[] {
  const drifted = Object.entries(wanted).filter(
    ([key, value]) => JSON.stringify(current[key as keyof StreamConfig]) !== JSON.stringify(value),
  );
  return drifted.map(([key]) => key);
}
