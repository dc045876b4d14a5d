import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';

import type { Log } from './log.ts';
import { PublishError } from './publish/publish-error.ts';
import { partitionStream, subjects } from './topology.ts';

export interface ProbeOptions {
  readonly store: Log['store'];
  /** The connection of the events; another one may be on another server. */
  readonly publishing: NatsConnection;
  readonly timeoutMs: number;
  /** Why the events can no longer be synced to disk. */
  readonly syncFailure: () => Error | undefined;
}

/** The free space that EVENTS needs to count as ready: enough for a few of the largest events. */
const readyBytesMin = 1024 * 1024;

/** `Log.probe`: resolves if events are taken, and rejects with a PublishError if they are not. */
export function createProbe(options: ProbeOptions): Log['probe'] {
  const { store, publishing, timeoutMs } = options;
  let manager: Promise<JetStreamManager> | undefined;
  return async () => {
    const failure = options.syncFailure();
    if (failure !== undefined) throw new PublishError('not_synced', failure.message);
    await Promise.all([
      store('PROBE', subjects.probe, {}, new Date().toISOString()),
      askEvents(store),
      checkRoom(
        (manager ??= jetstreamManager(publishing, { checkAPI: false, timeout: timeoutMs })),
      ),
    ]);
  };
}

/**
 * Resolves if the leader of the events answers a publish. The message names another stream as its
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

async function checkRoom(opening: Promise<JetStreamManager>): Promise<void> {
  const manager = await opening;
  const { state, config } = await manager.streams.info(partitionStream(0));
  if (config.max_bytes > 0 && state.bytes + readyBytesMin > config.max_bytes) {
    throw new PublishError('stream_full', 'the stream EVENTS is full');
  }
}
