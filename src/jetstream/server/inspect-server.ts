import type { StreamInfo } from '@nats-io/jetstream';

import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';
import { partitionStream, type StoredStreamName, type TopologyOptions } from '../topology.ts';
import { existingEvents } from './partitions/event-settings.ts';
import { driftOf, streamSettings } from './stream-settings.ts';

// For `headgate doctor`. All functions only read, and reject when the log cannot be reached.

/** The NATS server that a log is connected to. */
export interface ConnectedServer {
  readonly version: string;
  /** `host:port` */
  readonly address: string;
}

export function connectedServer(log: Log): ConnectedServer {
  const { connection } = clientsOf(log);
  return { version: connection.info?.version ?? '?', address: connection.getServer() };
}

/** The size of a stream, of Headgate or of another program. */
export interface StreamSize {
  readonly name: string;
  readonly bytes: number;
  /** 0 or less: no limit. */
  readonly bytesMax: number;
  /** True if a full stream deletes its oldest messages instead of rejecting new ones. */
  readonly dropsOldest: boolean;
}

/** A stream setting that differs from the wanted one, with NATS's name of the setting. */
export interface SettingDrift {
  readonly setting: string;
  readonly found: unknown;
  readonly wanted: unknown;
}

/** A stream of Headgate, compared with the wanted settings. */
export interface StreamCheck {
  readonly name: StoredStreamName;
  readonly exists: boolean;
  /** In the order of the wanted settings; empty if the stream does not exist. */
  readonly drift: readonly SettingDrift[];
  /** The servers whose replica is offline or behind. */
  readonly lateReplicas: readonly string[];
}

export interface StreamInspection {
  /** Every stream of the account. */
  readonly sizes: readonly StreamSize[];
  /** Every stream that Headgate needs. */
  readonly checks: readonly StreamCheck[];
}

export async function inspectStreams(log: Log, wanted: TopologyOptions): Promise<StreamInspection> {
  const infos = new Map<string, StreamInfo>();
  const { manager, events } = clientsOf(log);
  for await (const info of manager.streams.list()) infos.set(info.config.name, info);
  const existing = existingEvents(events.now().layout, infos);
  const closed = new Set<string>(existing.closed);
  return {
    sizes: [...infos.values()].map(({ config, state }) => ({
      name: config.name,
      bytes: state.bytes,
      // That of a closed stream is below its size on purpose.
      bytesMax: closed.has(config.name) ? 0 : config.max_bytes,
      dropsOldest: config.discard === 'old',
    })),
    checks: streamSettings(wanted, existing).map((settings): StreamCheck => {
      const { name } = settings;
      const info = infos.get(name);
      if (info === undefined) return { name, exists: false, drift: [], lateReplicas: [] };
      const drift = driftOf(info.config, settings)
        .map((key) => {
          const setting = key as keyof typeof settings;
          return { setting, found: info.config[setting], wanted: settings[setting] };
        })
        .filter((one) => !(closed.size > 0 && isShifted(one)));
      return { name, exists: true, drift, lateReplicas: lateReplicasOf(info) };
    }),
  };
}

/** Closed streams lose events, and so the room of the others grows until the next start. */
function isShifted({ setting, found, wanted }: SettingDrift): boolean {
  return setting === 'max_bytes' && Math.abs(Number(found) / Number(wanted) - 1) < 0.01;
}

function lateReplicasOf({ cluster }: StreamInfo): string[] {
  const late = cluster?.replicas?.filter(({ current, offline }) => offline === true || !current);
  return (late ?? []).map(({ name }) => name);
}

/** The storage limit of the account, in bytes; 0 or less: no limit. */
export async function accountBytesMax(log: Log): Promise<number> {
  const { limits } = await clientsOf(log).manager.getAccountInfo();
  return limits.max_storage;
}

/**
 * The number of replicas that the events are configured with, and the number of servers that hold
 * them.
 */
export async function countReplicas(
  log: Log,
): Promise<{ readonly wanted: number; readonly servers: number }> {
  const { config, cluster } = await firstInfo(log);
  return { wanted: config.num_replicas, servers: 1 + (cluster?.replicas?.length ?? 0) };
}

/** The server's clock: a Unix time in ms. Undefined if its version does not report it. */
export async function readServerTimeMs(log: Log): Promise<number | undefined> {
  const info = await firstInfo(log);
  // The client's type lacks this field.
  const timeMs = Date.parse((info as { readonly ts?: string }).ts ?? '');
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

/** How many partitions take events, as this process knows it, without a request. */
export function openPartitions(log: Log): number {
  return clientsOf(log).events.now().layout.open.length;
}

/** Of a partition that takes events. */
function firstInfo(log: Log): Promise<StreamInfo> {
  const { manager, events } = clientsOf(log);
  return manager.streams.info(partitionStream(events.now().layout.open[0]!));
}
