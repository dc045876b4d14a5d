import type { ClusterInfo } from '@nats-io/jetstream';

import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';
import { partitionStream } from '../topology.ts';

/**
 * Whether a server syncs a message to its disk before it acknowledges it. `lazy`: later, so that a
 * power cut takes what it had acknowledged. `unknown`: no server could say.
 */
export type ServerSync = 'always' | 'lazy' | 'unknown';

/** A server that holds EVENTS. */
export interface LogServer {
  readonly name: string;
  readonly sync: ServerSync;
  /** How often a `lazy` server syncs, in ms; undefined for the others. */
  readonly intervalMs: number | undefined;
  /** Undefined if the server was not asked. */
  readonly version: string | undefined;
}

/** The default port of nats-server for its figures. */
const monitorPort = 8222;
const askTimeoutMs = 2_000;

/**
 * Asks the servers that hold EVENTS whether they sync before they acknowledge.
 *
 * A client cannot ask this over its connection: it takes the system account, or the monitoring port
 * (`http:` in the configuration of nats-server), whose `/varz` has it since 2.11. `monitors` are
 * base URLs of such ports; undefined: port 8222 of every server that the connection knows. A server
 * that does not answer there is `unknown`. Rejects when the log cannot be reached.
 */
export async function readLogServers(
  log: Log,
  monitors: readonly string[] | undefined,
): Promise<LogServer[]> {
  const { connection, manager, events } = clientsOf(log);
  const members = new Set<string | undefined>();
  for (const partition of events.now().layout.open) {
    const { cluster } = await manager.streams.info(partitionStream(partition));
    if (cluster === undefined) members.add(connection.info?.server_name ?? connection.getServer());
    else for (const name of [cluster.leader, ...replicasOf(cluster)]) members.add(name);
  }
  const urls =
    monitors ?? [connection.getServer(), ...(connection.info?.connect_urls ?? [])].map(monitorOf);
  const answers = await Promise.all([...new Set(urls)].map(askMonitor));
  return [...members]
    .filter((name) => name !== undefined && name !== '')
    .map((name) => answers.find((answer) => answer?.name === name) ?? unknown(name!));
}

function replicasOf({ replicas = [] }: ClusterInfo): string[] {
  return replicas.map(({ name }) => name);
}

function unknown(name: string): LogServer {
  return { name, sync: 'unknown', intervalMs: undefined, version: undefined };
}

/** The monitoring port of a server, from its address for clients, `host:port`. */
function monitorOf(address: string): string {
  const { hostname } = new URL(`nats://${address.replace(/^[a-z]+:\/\//, '')}`);
  return `http://${hostname}:${monitorPort}`;
}

async function askMonitor(base: string): Promise<LogServer | undefined> {
  try {
    const answer = await fetch(`${base.replace(/\/$/, '')}/varz`, {
      redirect: 'error',
      signal: AbortSignal.timeout(askTimeoutMs),
    });
    return answer.ok ? readVarz(await answer.json()) : undefined;
  } catch {
    return undefined;
  }
}

const nanosecondsPerMs = 1_000_000;

/** Reads `/varz`. Undefined if it is not that of a nats-server with JetStream. */
export function readVarz(value: unknown): LogServer | undefined {
  const { server_name: name, version, jetstream } = (value ?? {}) as Varz;
  const config = jetstream?.config;
  if (typeof name !== 'string' || typeof version !== 'string') return undefined;
  if (config?.sync_always === true) return { name, version, sync: 'always', intervalMs: undefined };
  // Absent in versions that do not report it.
  if (typeof config?.sync_interval !== 'number') return { ...unknown(name), version };
  return { name, version, sync: 'lazy', intervalMs: config.sync_interval / nanosecondsPerMs };
}

interface Varz {
  readonly server_name?: unknown;
  readonly version?: unknown;
  readonly jetstream?: {
    readonly config?: { readonly sync_always?: unknown; readonly sync_interval?: unknown };
  };
}
