import path from 'node:path';

import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';

import type { Durability } from '../config/config.ts';
import { StartError } from '../errors.ts';
import { withClients } from './clients.ts';
import { connectToServer } from './connection.ts';
import type { Log } from './log.ts';
import type { ServerAddress } from './server/embedded-server.ts';
import {
  createGroupCommit,
  syncStreamDescription,
  type GroupCommit,
} from './publish/group-commit.ts';
import { PublishError } from './publish/publish-error.ts';
import { createPublisher } from './publish/publisher.ts';
import { headerBlock } from './publish/raw-publish.ts';
import { retryWhileForming } from './server/retry-forming.ts';
import { waitUntilReadable } from './server/stream-readiness.ts';
import { ensureStreams, streamSettings } from './server/stream-settings.ts';
import { streamNames, subjects, type StreamName, type TopologyOptions } from './topology.ts';

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
const syncedStreams: readonly StreamName[] = [
  'EVENTS',
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
    const commits = await createCommits(options);
    const publishing = await connectToServer({
      address,
      name: 'headgate publish',
      onStatus: (status) => onStatus('publish', status),
    });
    return { manager, commits, publishing };
  };
  const { manager, commits, publishing } = await prepare().catch(async (error: unknown) => {
    // An open connection would reconnect without end, and the process would not exit.
    await connection.close();
    throw error;
  });
  const publisher = createPublisher(publishing, { timeoutMs: options.publishTimeoutMs });

  // An acknowledgement of a synced stream is passed on once its block is synced.
  const streams = new Map(
    streamNames.map((name) => [
      name,
      publisher.openStream({ commit: commits.get(name), dedups: name === 'EVENTS' }),
    ]),
  );
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
      await Promise.all([
        store('PROBE', subjects.probe, {}, new Date().toISOString()),
        askEvents(store),
        checkRoom(publishing, options.publishTimeoutMs),
      ]);
    },
    failure: publisher.failure,
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
  return withClients(log, { connection, manager });
}

/**
 * Resolves if the leader of EVENTS answers a publish. The message names another stream as its
 * expected one, so that the leader refuses it and stores nothing.
 */
async function askEvents(store: Log['store']): Promise<void> {
  const headers = { 'Nats-Expected-Stream': 'PROBE' };
  try {
    await store('EVENTS', subjects.event('headgate', 'probe'), headers, '');
  } catch (error) {
    if (!(error instanceof PublishError && error.message.endsWith(streamMismatch))) throw error;
  }
}

/** The end of the error's text: the server's code for "expected stream does not match". */
const streamMismatch = '(10060)';

/** Asks over the connection of the events; the other one may be on another server. */
async function checkRoom(publishing: NatsConnection, timeout: number): Promise<void> {
  const manager = await jetstreamManager(publishing, { checkAPI: false, timeout });
  const { state, config } = await manager.streams.info('EVENTS');
  if (config.max_bytes > 0 && state.bytes + readyBytesMin > config.max_bytes) {
    throw new PublishError('stream_full', 'the stream EVENTS is full');
  }
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

async function createCommits(options: LogOptions): Promise<Map<StreamName, GroupCommit>> {
  const commits = new Map<StreamName, GroupCommit>();
  if (options.durability !== 'fsync' || options.streamsDir === undefined) return commits;
  const storeDir = path.resolve(options.streamsDir, '..', '..', '..');
  const streams = [...syncedStreams];
  if (options.topology?.keepsSchemas === true) streams.push('KV_headgate_schemas');
  for (const stream of streams) {
    const streamDir = path.join(options.streamsDir, stream);
    if (options.topology !== undefined) await syncStreamDescription(storeDir, streamDir);
    commits.set(stream, createGroupCommit(streamDir));
  }
  return commits;
}
