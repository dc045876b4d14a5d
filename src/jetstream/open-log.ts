import path from 'node:path';

import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';

import type { Durability } from '../config/config.ts';
import { StartError } from '../errors.ts';
import { canaryName } from '../event/canary.ts';
import { withClients } from './clients.ts';
import { connectToServer } from './connection.ts';
import { findEventStreams, type EventStreams } from './events/stream-parts.ts';
import type { Log } from './log.ts';
import type { ServerAddress } from './server/embedded-server.ts';
import {
  createGroupCommit,
  syncStreamDescription,
  type GroupCommit,
} from './publish/group-commit.ts';
import { withEarlierIds } from './publish/earlier-ids.ts';
import { PublishError } from './publish/publish-error.ts';
import { createPublisher, type Publisher, type PublishToStream } from './publish/publisher.ts';
import { headerBlock } from './publish/raw-publish.ts';
import { earlierIdsMs } from './server/earlier-stream.ts';
import { waitUntilReadable } from './server/stream-readiness.ts';
import { ensureStreams, streamSettings } from './server/stream-settings.ts';
import {
  earlierStream,
  partitionStream,
  streamNames,
  subjects,
  type StoredStreamName,
  type StreamName,
  type TopologyOptions,
} from './topology.ts';
import { createTraffic } from './traffic.ts';

export interface LogOptions {
  readonly address: ServerAddress;
  readonly durability: Durability;
  /** The folder of the streams, needed for `fsync`; undefined for an external server. */
  readonly streamsDir: string | undefined;
  /** Undefined if another process of this Headgate has created the streams. */
  readonly topology: TopologyOptions | undefined;
  readonly publishTimeoutMs: number;
  readonly onStatus: (connection: string, status: string) => void;
}

/** The streams that must survive a power cut. The others hold data that Headgate can recreate. */
const syncedStreams: readonly StoredStreamName[] = [
  'LEDGER',
  'REJECTED',
  'DEAD',
  'REPLAY',
  'RETRY',
  'PROBE',
];

/** The free space that EVENTS needs to count as ready: enough for a few of the largest events. */
const readyBytesMin = 1024 * 1024;

/**
 * Connects to NATS, creates or updates the streams, and opens the log on them. Rejects with a
 * StartError after closing all connections.
 */
export async function openLog(options: LogOptions): Promise<Log> {
  const { address, onStatus } = options;
  const connection = await connectToServer({
    address,
    name: 'headgate work',
    onStatus: (status) => onStatus('work', status),
  });
  const prepare = async () => {
    const manager = await openManager(connection);
    if (options.topology !== undefined) {
      await ensureStreams(manager, options.topology);
      if (options.topology.replicas > 1) {
        const names = streamSettings(options.topology).map(({ name }) => name);
        await waitUntilReadable(manager, names);
      }
    }
    const events = await findEventStreams(manager);
    const commits = await createCommits(options, events);
    const idsMs = await earlierIdsMs(manager);
    const publishing = await connectToServer({
      address,
      name: 'headgate publish',
      onStatus: (status) => onStatus('publish', status),
    });
    return { manager, events, commits, idsMs, publishing };
  };
  const { manager, events, commits, idsMs, publishing } = await prepare().catch(
    async (error: unknown) => {
      // An open connection would reconnect without end, and the process would not exit.
      await connection.close();
      throw error;
    },
  );
  let isSilent = false;
  const publisher = createPublisher(publishing, {
    timeoutMs: options.publishTimeoutMs,
    onTimeout: () => (isSilent = true),
  });

  const streams = openStreams(publisher, commits, idsMs);
  const publish: Log['publish'] = (stream, subject, headers, payload, callback) =>
    streams.get(stream)!(subject, headers, payload, callback);

  const store: Log['store'] = (stream, subject, headers, payload) =>
    new Promise((resolve, reject) => {
      publish(stream, subject, headerBlock(headers), payload, (ack, error) => {
        if (ack === undefined) reject(error!);
        else resolve(ack);
      });
    });

  const log: Log = {
    publish,
    store,
    probe: async () => {
      await probeIntake(store, manager, commits.get(partitionStream(0)), isSilent);
      isSilent = false;
    },
    syncStream: async (stream) => {
      await commits.get(stream)?.syncEverything();
    },
    inFlight: publisher.inFlight,
    messageBytesMax: () => publishing.info?.max_payload ?? 1024 * 1024,
    close: async () => {
      publisher.close();
      await Promise.allSettled([publishing.close(), connection.close()]);
      for (const commit of commits.values()) commit.close();
    },
  };
  return withClients(log, {
    connection,
    manager,
    events,
    topology: options.topology,
    traffic: createTraffic(),
  });
}

/** Throws a PublishError if events are not taken. */
async function probeIntake(
  store: Log['store'],
  manager: JetStreamManager,
  commit: GroupCommit | undefined,
  isSilent: boolean,
): Promise<void> {
  const unsynced = commit?.failure();
  if (unsynced !== undefined) throw new PublishError('not_synced', unsynced.message);
  await store('PROBE', subjects.probe, {}, new Date().toISOString());
  // A stream can stop alone. A heartbeat is in no count and reaches no destination.
  if (isSilent) await store('EVENTS', subjects.event(canaryName, canaryName), {}, '{}');
  const { state, config } = await manager.streams.info(partitionStream(0));
  if (config.max_bytes > 0 && state.bytes + readyBytesMin > config.max_bytes) {
    throw new PublishError('stream_full', `the stream ${config.name} is full`);
  }
}

/** The publish function of each stream of the log. */
function openStreams(
  publisher: Publisher,
  commits: ReadonlyMap<StoredStreamName, GroupCommit>,
  idsMs: number,
): ReadonlyMap<StreamName, PublishToStream> {
  // An acknowledgement of a synced stream is passed on once its block is synced.
  const streams = new Map<StreamName, PublishToStream>(
    streamNames.map((name) => [
      name,
      publisher.openStream({ commit: commits.get(name), dedups: false }),
    ]),
  );
  const partition = partitionStream(0);
  const publish = publisher.openStream({ commit: commits.get(partition), dedups: true });
  if (idsMs === 0) return streams.set('EVENTS', publish);
  const ask = publisher.openStream({ commit: commits.get(earlierStream), dedups: true });
  return streams.set('EVENTS', withEarlierIds(publish, ask, idsMs));
}

async function openManager(connection: NatsConnection): Promise<JetStreamManager> {
  try {
    return await jetstreamManager(connection);
  } catch (cause) {
    throw new StartError(
      `NATS at ${connection.getServer()} does not offer JetStream: ${(cause as Error).message}. ` +
        'Start it with JetStream (-js), and use an account that may use JetStream.',
      { cause },
    );
  }
}

async function createCommits(
  options: LogOptions,
  events: EventStreams,
): Promise<Map<StoredStreamName, GroupCommit>> {
  const commits = new Map<StoredStreamName, GroupCommit>();
  if (options.durability !== 'fsync' || options.streamsDir === undefined) return commits;
  const storeDir = path.resolve(options.streamsDir, '..', '..', '..');
  const streams = [...events.parts().map(({ stream }) => stream), ...syncedStreams];
  if (options.topology?.keepsSchemas === true) streams.push('KV_headgate_schemas');
  for (const stream of streams) {
    const streamDir = path.join(options.streamsDir, stream);
    if (options.topology !== undefined) await syncStreamDescription(storeDir, streamDir);
    commits.set(stream, createGroupCommit(streamDir));
  }
  return commits;
}
