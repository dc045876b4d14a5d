import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';

import type { Durability } from '../config/config.ts';
import { StartError } from '../errors.ts';
import { withClients, type LogClients } from './clients.ts';
import { copyConsumers } from './consume/copy-consumers.ts';
import { createMessageAnswers } from './consume/pulling/message-answers.ts';
import { connectToServer } from './connection.ts';
import { findEventStreams, type EventStreams } from './events/follow-event-streams.ts';
import { writeLayout, type StoredLayout } from './events/layout.ts';
import type { Log } from './log.ts';
import type { ServerAddress } from './server/embedded-server.ts';
import { createCommits, syncedStreams, type StreamCommits } from './publish/stream-commits.ts';
import { openEvents } from './open-events.ts';
import { createProbe } from './probe.ts';
import { createIntakePace, type IntakePace } from './publish/intake-pace.ts';
import {
  createPublisher,
  type Publisher,
  type PublisherOptions,
  type PublishToStream,
} from './publish/publisher.ts';
import { headerBlock } from './publish/raw-publish.ts';
import { createLogGrowth, readNewest } from './read/log-growth.ts';
import { createReadingPace } from './read/reading-pace.ts';
import { retryWhileForming } from './server/retry-forming.ts';
import { waitUntilReadable } from './server/stream-readiness.ts';
import { ensureStreams } from './server/stream-settings.ts';
import { partitionStream, streamNames, type StreamName, type TopologyOptions } from './topology.ts';
import { createTraffic } from './traffic.ts';

export interface LogOptions {
  readonly address: ServerAddress;
  readonly durability: Durability;
  /** The folder of the streams, needed for `fsync`; undefined for an external server. */
  readonly streamsDir: string | undefined;
  /** Undefined if another process of this Headgate has created the streams. */
  readonly topology: TopologyOptions | undefined;
  readonly publishTimeoutMs: number;
  /** How long the streams recognize an id. Undefined: messages that were lost are not sent again. */
  readonly dedupWindowMs?: number;
  readonly onStatus: (connection: string, status: string) => void;
  /** Called when a change of the partitions cannot be completed. It is tried again. */
  readonly onTrouble?: (error: unknown) => void;
}

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
  const { manager, events, commits, complete, publishing } = await prepare(
    connection,
    options,
  ).catch(async (error: unknown) => {
    // An open connection would reconnect without end, and the process would not exit.
    await connection.close();
    throw error;
  });
  const publisher = createPublisher(publishing, publisherOptions(options));

  const answers = createMessageAnswers(connection);
  const opened = openEvents({
    events,
    openStream: (stream) => publisher.openStream({ commit: commits.of(stream), dedups: true }),
    complete,
    publishTimeoutMs: options.publishTimeoutMs,
    onTrouble: options.onTrouble ?? (() => {}),
  });
  const streams = openStreams(publisher, commits).set('EVENTS', opened.publish);
  const publish: Log['publish'] = (stream, subject, headers, payload, callback, payloadBytes) =>
    streams.get(stream)!(subject, headers, payload, callback, payloadBytes);

  const store: Log['store'] = (stream, subject, headers, payload) =>
    new Promise((resolve, reject) => {
      publish(stream, subject, headerBlock(headers), payload, (ack, error) => {
        if (ack === undefined) reject(error!);
        else resolve(ack);
      });
    });

  const intake = createIntakePace(publisher.published);
  const log: Log = {
    publish,
    store,
    probe: createProbe({
      store,
      publishing,
      timeoutMs: options.publishTimeoutMs,
      open: opened.open,
      syncFailure: (partition) => commits.of(partitionStream(partition))?.failure(),
    }),
    failure: publisher.failure,
    syncStream: async (stream) => {
      await commits.of(stream)?.syncEverything();
    },
    inFlight: publisher.inFlight,
    isTaking: intake.isTaking,
    messageBytesMax: () => publishing.info?.max_payload ?? 1024 * 1024,
    close: async () => {
      opened.close();
      publisher.close();
      answers.flush();
      await Promise.allSettled([publishing.close(), connection.close()]);
      commits.close();
    },
  };
  return withClients(log, {
    connection,
    manager,
    events,
    topology: options.topology,
    traffic: createTraffic(),
    ...createReading(intake, manager, events),
    answers,
  });
}

/** Producers of this process count at once, those of others at the next look at the log. */
function createReading(
  intake: IntakePace,
  manager: JetStreamManager,
  events: EventStreams,
): Pick<LogClients, 'takenPerSecond' | 'pace'> {
  const growth = createLogGrowth(() => readNewest(manager, events));
  const takenPerSecond = (): number => {
    const [own, all] = [intake.perSecond(), growth.perSecond()];
    if (all === undefined) return own;
    return own === Infinity ? all : Math.max(own, all);
  };
  return { takenPerSecond, pace: createReadingPace(takenPerSecond) };
}

function publisherOptions(options: LogOptions): PublisherOptions {
  const { publishTimeoutMs, streamsDir, dedupWindowMs } = options;
  const timeoutMs = publishTimeoutMs;
  // The embedded server has no elections.
  if (streamsDir !== undefined || dedupWindowMs === undefined) return { timeoutMs };
  return { timeoutMs, resendWithinMs: dedupWindowMs / 2 };
}

/** The streams, their commits, and the connection of the events. */
async function prepare(connection: NatsConnection, options: LogOptions) {
  const { address, onStatus, topology } = options;
  const manager = await openManager(connection);
  if (topology !== undefined) await ensureReadable(manager, topology);
  const events = await findEventStreams(manager);
  const commits = createCommits(options);
  await commits.describe([
    ...events.parts().map(({ stream }) => stream),
    ...syncedStreams(options),
  ]);
  const complete =
    topology === undefined
      ? undefined
      : () => completeLayout({ manager, topology, events, commits });
  // The process that changed the partitions has ended, or a power cut took what it did.
  if (complete !== undefined && !events.now().layout.isReady) await complete();
  // A new log has its layout in LEDGER.
  if (topology !== undefined) await commits.of('LEDGER')?.syncEverything();
  const publishing = await connectToServer({
    address,
    name: 'headgate publish',
    onStatus: (status) => onStatus('publish', status),
  });
  return { manager, events, commits, complete, publishing };
}

async function ensureReadable(
  manager: JetStreamManager,
  topology: TopologyOptions,
): Promise<StoredLayout> {
  const ensured = await ensureStreams(manager, topology);
  if (topology.replicas > 1) await waitUntilReadable(manager, ensured.names);
  return ensured;
}

interface LayoutChange {
  readonly manager: JetStreamManager;
  readonly topology: TopologyOptions;
  readonly events: EventStreams;
  readonly commits: StreamCommits;
}

/**
 * Closes the partitions of the last generation, creates those of the new one, and lets events into
 * them. Several processes may do it at once, and any may end in between.
 */
async function completeLayout({ manager, topology, events, commits }: LayoutChange): Promise<void> {
  // Only this entry says, after a power cut, what the new streams are and why the old ones are closed.
  await commits.of('LEDGER')?.syncEverything();
  // A later layout, which is read below, has no streams yet: this one is marked, or none.
  const { layout, sequence } = await ensureReadable(manager, topology);
  await events.refresh();
  await commits.describe(layout.open.map(partitionStream));
  await copyConsumers(manager, layout);
  if (!layout.isReady) await writeLayout(manager, { ...layout, isReady: true }, sequence);
  await commits.of('LEDGER')?.syncEverything();
  await events.refresh();
}

/** The publish function of each stream of the log but EVENTS. */
function openStreams(
  publisher: Publisher,
  commits: StreamCommits,
): Map<StreamName, PublishToStream> {
  // An acknowledgement of a synced stream is passed on once its block is synced.
  return new Map<StreamName, PublishToStream>(
    streamNames.map((name) => [
      name,
      publisher.openStream({ commit: commits.of(name), dedups: false }),
    ]),
  );
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
