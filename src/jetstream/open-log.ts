import path from 'node:path';

import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';

import type { Durability } from '../config/config.ts';
import { StartError } from '../errors.ts';
import { connectToServer } from './connection.ts';
import type { ServerAddress } from './server/embedded-server.ts';
import {
  createGroupCommit,
  syncStreamDescription,
  type GroupCommit,
} from './publish/group-commit.ts';
import type { PublishAck, PublishCallback } from './publish/publish-ack.ts';
import { PublishError } from './publish/publish-error.ts';
import { createPublisher } from './publish/publisher.ts';
import { headerBlock } from './publish/raw-publish.ts';
import { waitUntilReadable } from './server/stream-readiness.ts';
import {
  ensureStreams,
  streamNames,
  streamSettings,
  subjects,
  type StreamName,
  type TopologyOptions,
} from './topology.ts';

/** The log: everything that Headgate keeps, behind one door. */
export interface Log {
  /**
   * Stores a message and calls back once it is as safe as the durability mode promises: synced
   * (`fsync`), held by a quorum (`replicated`), or written (`async`). `headers`: `headerBlock`.
   */
  publish(
    stream: StreamName,
    subject: string,
    headers: string,
    payload: Uint8Array | string,
    callback: PublishCallback,
  ): void;
  /** The same as a promise, for what is not the hot path. */
  store(
    stream: StreamName,
    subject: string,
    headers: Readonly<Record<string, string>>,
    payload: Uint8Array | string,
  ): Promise<PublishAck>;
  /** Resolves when the log takes publishes; rejects with why it does not. */
  probe(): Promise<void>;
  readonly manager: JetStreamManager;
  /** For pulls and reads, apart from the publishing one so that neither waits for the other. */
  readonly connection: NatsConnection;
  /** After anything that made nats-server rewrite blocks of a stream. */
  syncStream(stream: StreamName): Promise<void>;
  readonly inFlight: () => number;
  /** The largest message, headers included, that the server takes. */
  readonly messageBytesMax: () => number;
  close(): Promise<void>;
}

export interface LogOptions {
  readonly address: ServerAddress;
  readonly durability: Durability;
  /** Where the streams lie, for `fsync`; undefined for a server that is not ours. */
  readonly streamsDir: string | undefined;
  /** Undefined: the streams are there, another process of this Headgate has made them. */
  readonly topology: TopologyOptions | undefined;
  readonly publishTimeoutMs: number;
  readonly onStatus: (connection: string, status: string) => void;
}

/** What must survive a power cut. The rest is about us, and can be made again. */
const syncedStreams: readonly StreamName[] = [
  'EVENTS',
  'REJECTED',
  'DEAD',
  'REPLAY',
  'RETRY',
  'PROBE',
];

/** The smallest room in EVENTS that still counts as ready: a few of the largest events. */
const readyBytesMin = 1024 * 1024;

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
    // Left open it would reconnect for ever, and keep the process that could not start.
    await connection.close();
    throw error;
  });
  const publisher = createPublisher(publishing, { timeoutMs: options.publishTimeoutMs });

  // An acknowledgement of a synced stream is passed on once its block is on the disk.
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

  return {
    publish,
    store,
    probe: async () => {
      await store('PROBE', subjects.probe, {}, new Date().toISOString());
      const { state, config } = await manager.streams.info('EVENTS');
      if (config.max_bytes > 0 && state.bytes + readyBytesMin > config.max_bytes) {
        throw new PublishError('stream_full', 'the stream EVENTS is full');
      }
    },
    manager,
    connection,
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
}

async function openManager(connection: NatsConnection): Promise<JetStreamManager> {
  try {
    return await jetstreamManager(connection);
  } catch (cause) {
    throw new StartError(
      `NATS at ${connection.getServer()} gives no JetStream: ${(cause as Error).message}. ` +
        'Start it with JetStream (-js), and with an account that may use it.',
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
