import type { Registry } from 'prom-client';

import { createGauge } from './metric-families.ts';

/** Whether a server syncs a message to its disk before it acknowledges it. */
export const syncModes = ['always', 'lazy', 'unknown'] as const;
export type SyncMode = (typeof syncModes)[number];

/** Gauges of values that other code measures and sets. */
export function createGauges(
  registry: Registry,
  eventNames: readonly string[],
  destinations: readonly string[],
  sources: readonly string[],
) {
  const zeros = (names: readonly string[]) => new Map(names.map((name) => [name, 0]));
  const gauges = {
    destinationPending: zeros(destinations),
    /** Unix times in seconds. */
    destinationOldest: zeros(destinations),
    destinationAside: zeros(destinations),
    destinationParked: zeros(destinations),
    destinationDisabled: zeros(destinations),
    destinationPaused: zeros(destinations),
    /** Unix times in seconds. */
    destinationPausedSince: zeros(destinations),
    redeliveryRunning: zeros(destinations),
    deadLetters: zeros(destinations),
    deadLetterOldest: zeros(destinations),
    /** Filled at the first read of the log; topology.ts has the closed set of its streams. */
    streamBytes: new Map<string, number>(),
    streamBytesMax: new Map<string, number>(),
    /** By source: `_other` is the fullest of those without a series. */
    quarantineBytes: zeros(sources),
    quarantineBytesMax: zeros(sources),
    /** By limit, then by source: sources that have the limit. */
    sourceLimitUsed: new Map<string, Map<string, number>>(),
    missingEvents: 0,
    /** EVENTS, once a worker has looked. */
    streamHeldBytes: new Map<string, number>(),
    destinationHeldBytes: zeros(destinations),
    retentionReachedMs: 0,
    /** By sync mode; 0 unless the durability is `replicated`. */
    logServers: zeros(syncModes),
    lastEvent: zeros(eventNames),
    enforcementSuspended: 0,
    observing: 0,
    contracts: { revision: 0, badEntries: 0, followedAtMs: 0 },
    keysFollowedAtMs: 0,
  };
  exposeEnforcement(registry, gauges);
  createGauge(
    registry,
    {
      name: 'headgate_log_missing_events',
      help: 'Accepted events that the log has lost: no deletion of them is recorded.',
      labels: [],
    },
    () => [{ labels: [], value: gauges.missingEvents }],
  );
  createGauge(
    registry,
    {
      name: 'headgate_log_reached_retention_seconds',
      help: 'While events are deleted before log.retention is over, because the log needs room: the age of the oldest event. Else 0.',
      labels: [],
    },
    () => [{ labels: [], value: gauges.retentionReachedMs / 1000 }],
  );
  exposeSourceLimits(registry, gauges.sourceLimitUsed);
  exposeLog(registry, gauges);
  exposeDestinations(registry, gauges);
  exposeContracts(registry, gauges.contracts);
  exposeKeysFollowed(registry, gauges);
  return gauges;
}

/** Exposes gauges without labels. */
const exposerOf =
  (registry: Registry) =>
  (name: string, help: string, read: () => number): void =>
    createGauge(registry, { name, help, labels: [] }, () => [{ labels: [], value: read() }]);

/** Why events may be stored that no contract has let in. */
function exposeEnforcement(
  registry: Registry,
  gauges: { readonly enforcementSuspended: number; readonly observing: number },
): void {
  const expose = exposerOf(registry);
  expose(
    'headgate_enforcement_suspended',
    '1 while the setting enforcement is warn: no event is refused for its contract.',
    () => gauges.enforcementSuspended,
  );
  expose(
    'headgate_observe_mode',
    '1 while the gate has no contracts: events of any name are stored, and marked as unplanned.',
    () => gauges.observing,
  );
}

function exposeKeysFollowed(
  registry: Registry,
  gauges: { readonly keysFollowedAtMs: number },
): void {
  createGauge(
    registry,
    {
      name: 'headgate_keys_followed_timestamp_seconds',
      help: 'When the write keys of the log were last read; while NATS is away this stands still.',
      labels: [],
    },
    () => [{ labels: [], value: gauges.keysFollowedAtMs / 1000 }],
  );
}

type ByLabel = ReadonlyMap<string, number>;

function expose(
  registry: Registry,
  [name, label]: readonly [name: string, label: string],
  help: string,
  values: ByLabel,
): void {
  createGauge(registry, { name, help, labels: [label] }, () =>
    [...values].map(([key, value]) => ({ labels: [key], value })),
  );
}

/** By limit, then by source. */
function exposeSourceLimits(registry: Registry, used: ReadonlyMap<string, ByLabel>): void {
  createGauge(
    registry,
    {
      name: 'headgate_source_limit_used_ratio',
      help: 'How much of a limit of its own a source uses, 1 for all of it: of its events per second, through this gate; of its bytes of the day, through all gates. For sources with the limit.',
      labels: ['source', 'limit'],
    },
    () =>
      [...used].flatMap(([limit, bySource]) =>
        [...bySource].map(([source, value]) => ({ labels: [source, limit], value })),
      ),
  );
}

type LogGauge =
  | 'lastEvent'
  | 'logServers'
  | 'streamBytes'
  | 'streamBytesMax'
  | 'streamHeldBytes'
  | 'quarantineBytes'
  | 'quarantineBytesMax';

function exposeLog(registry: Registry, gauges: Readonly<Record<LogGauge, ByLabel>>): void {
  expose(
    registry,
    ['headgate_last_event_timestamp_seconds', 'event_name'],
    'When the last event of this name was accepted; 0 when none was since the start.',
    gauges.lastEvent,
  );
  expose(
    registry,
    ['headgate_stream_bytes', 'stream'],
    'What a stream of the log holds.',
    gauges.streamBytes,
  );
  expose(
    registry,
    ['headgate_stream_bytes_max', 'stream'],
    'What a stream of the log may hold.',
    gauges.streamBytesMax,
  );
  expose(
    registry,
    ['headgate_quarantine_bytes', 'source'],
    'What a source has in quarantine.',
    gauges.quarantineBytes,
  );
  expose(
    registry,
    ['headgate_quarantine_bytes_max', 'source'],
    'What a source may have in quarantine: half of what the other sources leave.',
    gauges.quarantineBytesMax,
  );
  expose(
    registry,
    ['headgate_stream_held_bytes', 'stream'],
    'What a stream of the log holds and cannot delete to make room: what a destination has not taken, and what is younger than log.retention_min.',
    gauges.streamHeldBytes,
  );
  expose(
    registry,
    ['headgate_log_servers', 'sync'],
    'Servers that hold the log in a cluster, by whether each syncs a message before it acknowledges it.',
    gauges.logServers,
  );
}

type DestinationGauge =
  | 'destinationPending'
  | 'destinationOldest'
  | 'destinationAside'
  | 'destinationParked'
  | 'destinationDisabled'
  | 'destinationPaused'
  | 'destinationPausedSince'
  | 'destinationHeldBytes'
  | 'redeliveryRunning'
  | 'deadLetters'
  | 'deadLetterOldest';

function exposeDestinations(
  registry: Registry,
  gauges: Readonly<Record<DestinationGauge, ByLabel>>,
): void {
  const show = (name: string, help: string, values: ByLabel): void =>
    expose(registry, [name, 'destination'], help, values);
  show(
    'headgate_destination_pending',
    'Events that a destination has not been given yet.',
    gauges.destinationPending,
  );
  show(
    'headgate_destination_oldest_timestamp_seconds',
    'When the oldest event that a destination has not been given yet was stored; 0 when none waits.',
    gauges.destinationOldest,
  );
  show(
    'headgate_destination_aside_events',
    'Events of a destination that wait in the stream ASIDE, because the log ran short of room. Also counted by headgate_destination_pending.',
    gauges.destinationAside,
  );
  show(
    'headgate_destination_parked',
    '1 while a destination is parked: it is away, and its events wait.',
    gauges.destinationParked,
  );
  show(
    'headgate_destination_disabled',
    '1 when a destination has said that it wants nothing more; it is not tried until a restart.',
    gauges.destinationDisabled,
  );
  show(
    'headgate_destination_paused',
    '1 while an operator has paused a destination: it gets nothing, and its events wait.',
    gauges.destinationPaused,
  );
  show(
    'headgate_destination_paused_timestamp_seconds',
    'When an operator paused a destination; 0 while it is not paused. A restart does not change it.',
    gauges.destinationPausedSince,
  );
  show(
    'headgate_destination_held_bytes',
    'What EVENTS holds from the first event on that a destination has not taken. Also for a removed destination that still has a consumer.',
    gauges.destinationHeldBytes,
  );
  show(
    'headgate_redelivery_running',
    '1 while this process works on a redelivery to a destination.',
    gauges.redeliveryRunning,
  );
  show(
    'headgate_dead_letters',
    'Events in the dead-letter queue of a destination.',
    gauges.deadLetters,
  );
  show(
    'headgate_dead_letter_oldest_timestamp_seconds',
    'When the oldest dead letter of a destination was written; 0 when there is none.',
    gauges.deadLetterOldest,
  );
}

/** All gauges are 0 if the contracts are files. */
function exposeContracts(
  registry: Registry,
  contracts: { revision: number; badEntries: number; followedAtMs: number },
): void {
  const expose = exposerOf(registry);
  expose(
    'headgate_registry_revision',
    'The newest revision of the schema registry that this gate validates by.',
    () => contracts.revision,
  );
  expose(
    'headgate_registry_bad_entries',
    'Entries of the schema registry whose newest revision is not in force because it is not sound.',
    () => contracts.badEntries,
  );
  expose(
    'headgate_registry_followed_timestamp_seconds',
    'When the schema registry was last read; while NATS is away this stands still.',
    () => contracts.followedAtMs / 1000,
  );
}
