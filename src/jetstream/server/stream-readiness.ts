import { setTimeout as sleep } from 'node:timers/promises';

import type { JetStreamManager } from '@nats-io/jetstream';
import { NoRespondersError, RequestError, TimeoutError } from '@nats-io/nats-core';

import { StartError } from '../../errors.ts';
import type { StoredStreamName } from '../topology.ts';

const pollMs = 100;
const timeoutMsDefault = 30_000;

/**
 * Waits until each stream has a leader and answers reads: a new stream with three replicas neither
 * stores nor answers at first. Throws a StartError when a stream does not answer in time.
 */
export async function waitUntilReadable(
  manager: Pick<JetStreamManager, 'direct' | 'streams'>,
  streams: readonly StoredStreamName[],
  timeoutMs = timeoutMsDefault,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (const stream of streams) {
    for (;;) {
      const error = await probeStream(manager, stream);
      if (error === undefined) break;
      if (performance.now() > deadline) {
        throw new StartError(
          `The stream ${stream} does not answer after ${timeoutMs / 1000} s (${error.message}). ` +
            'Look at its replicas (nats stream info), and start again once a majority of them is up.',
          { cause: error },
        );
      }
      await sleep(pollMs);
    }
  }
}

/** Undefined if the stream answers, even with "message not found". */
async function probeStream(
  manager: Pick<JetStreamManager, 'direct' | 'streams'>,
  stream: StoredStreamName,
): Promise<Error | undefined> {
  try {
    const { cluster } = await manager.streams.info(stream);
    if (cluster !== undefined && !cluster.leader) return new Error('it has no leader');
    await manager.direct.getMessage(stream, { seq: 1 });
    return undefined;
  } catch (error) {
    const isUnavailable =
      error instanceof NoRespondersError ||
      error instanceof TimeoutError ||
      (error instanceof RequestError && error.isNoResponders());
    if (isUnavailable) return error;
    throw error;
  }
}
