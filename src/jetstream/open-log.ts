import path from 'node:path';

import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';

import type { Durability } from '../config/config.ts';
import { StartError } from '../errors.ts';
import { withClients } from './clients.ts';
import { createMessageAnswers } from './consume/pulling/message-answers.ts';
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
import { createProbe } from './probe.ts';
import { createPublisher, type Publisher, type PublishToStream } from './publish/publisher.ts';
import { headerBlock } from './publish/raw-publish.ts';
import { earlierIdsMs } from './server/earlier-stream.ts';
import { retryWhileForming } from './server/retry-forming.ts';
import { waitUntilReadable } from './server/stream-readiness.ts';
import { ensureStreams, streamSettings } from './server/stream-settings.ts';
import {
  earlierStream,
  partitionStream,
  streamNames,
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
  'AUDIT',
  'REJECTED',
  'DEAD',
  'REPLAY',
  'RETRY',
  'ASIDE',
  'FILTERED',
  'PROBE',
  'KV_headgate_keys',
];

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
  const { manager, events, commits, idsMs, publishing } = await prepare(connection, options).catch(
    async (error: unknown) => {
      // An open connection would reconnect without end, and the process would not exit.
      await connection.close();
      throw error;
    },
  );
  const publisher = createPublisher(publishing, { timeoutMs: options.publishTimeoutMs });

  const answers = createMessageAnswers(connection);
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
    probe: createProbe({
      store,
      publishing,
      timeoutMs: options.publishTimeoutMs,
      syncFailure: () => commits.get(partitionStream(0))?.failure(),
    }),
    failure: publisher.failure,
    syncStream: async (stream) => {
      await commits.get(stream)?.syncEverything();
    },
    inFlight: publisher.inFlight,
    messageBytesMax: () => publishing.info?.max_payload ?? 1024 * 1024,
    close: async () => {
      publisher.close();
      answers.flush();
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
    answers,
  });
}

/** The streams, their commits, and the connection of the events. */
async function prepare(connection: NatsConnection, options: LogOptions) {
  const { address, onStatus, topology } = options;
  const manager = await openManager(connection);
  if (topology !== undefined) {
    await ensureStreams(manager, topology);
    if (topology.replicas > 1) {
      const names = streamSettings(topology).map(({ name }) => name);
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
  // A server without JetStream says so on connect; one that has it may still be forming its cluster.
  const hasJetStream = connection.info?.jetstream === true;
  try {
    const open = (): Promise<JetStreamManager> => jetstreamManager(connection);
    return await (hasJetStream ? retryWhileForming(open) : open());
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
