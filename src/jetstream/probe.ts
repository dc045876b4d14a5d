import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';

import type { Log } from './log.ts';
import type { OpenPartition } from './publish/event-publisher.ts';
import { PublishError } from './publish/publish-error.ts';
import type { PublishToStream } from './publish/publisher.ts';
import { headerBlock } from './publish/raw-publish.ts';
import { partitionStream, subjects } from './topology.ts';

export interface ProbeOptions {
  readonly store: Log['store'];
  /** The connection of the events; another one may be on another server. */
  readonly publishing: NatsConnection;
  readonly timeoutMs: number;
  /** The partitions that take events now. */
  readonly open: () => readonly OpenPartition[];
  /** Why the events of a partition can no longer be synced to disk. */
  readonly syncFailure: (partition: number) => Error | undefined;
}

/** The free space that EVENTS needs to count as ready: enough for a few of the largest events. */
const readyBytesMin = 1024 * 1024;

/**
 * `Log.probe`: resolves if events are taken, and rejects with a PublishError if they are not. One
 * partition that takes events is enough: a gate that is not ready would refuse those of the others.
 */
export function createProbe(options: ProbeOptions): Log['probe'] {
  const { store, publishing, timeoutMs } = options;
  let manager: Promise<JetStreamManager> | undefined;
  return async () => {
    const streams = (manager ??= jetstreamManager(publishing, {
      checkAPI: false,
      timeout: timeoutMs,
    }));
    await Promise.all([
      store('PROBE', subjects.probe, {}, new Date().toISOString()),
      anyOf(
        options.open().map(async ({ partition, publish }) => {
          const failure = options.syncFailure(partition);
          if (failure !== undefined) throw new PublishError('not_synced', failure.message);
          await Promise.all([askPartition(partition, publish), checkRoom(partition, streams)]);
        }),
      ),
    ]);
  };
}

/** Rejects with the first reason if all reject. */
async function anyOf(attempts: readonly Promise<void>[]): Promise<void> {
  try {
    await Promise.any(attempts);
  } catch (error) {
    throw (error as AggregateError).errors[0];
  }
}

/**
 * Resolves if the leader of the partition answers a publish. The message names another stream as its
 * expected one, so that the leader refuses it and stores nothing.
 */
function askPartition(partition: number, publish: PublishToStream): Promise<void> {
  const subject = subjects.event('headgate', 'probe', partition);
  return new Promise((resolve, reject) => {
    publish(subject, expectOther, '', (_ack, error) => {
      if (error === undefined || error.message.endsWith(streamMismatch)) resolve();
      else reject(error);
    });
  });
}

const expectOther = headerBlock({ 'Nats-Expected-Stream': 'PROBE' });

/** The end of the error's text: the server's code for "expected stream does not match". */
const streamMismatch = '(10060)';

async function checkRoom(partition: number, opening: Promise<JetStreamManager>): Promise<void> {
  const manager = await opening;
  const { state, config } = await manager.streams.info(partitionStream(partition));
  if (config.max_bytes > 0 && state.bytes + readyBytesMin > config.max_bytes) {
    throw new PublishError('stream_full', 'the stream EVENTS is full');
  }
}
