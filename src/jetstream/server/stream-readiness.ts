import { setTimeout as sleep } from 'node:timers/promises';

import type { JetStreamManager } from '@nats-io/jetstream';
import { NoRespondersError, RequestError, TimeoutError } from '@nats-io/nats-core';

import { StartError } from '../../errors.ts';
import type { StreamName } from '../topology.ts';

const pollMs = 100;
const timeoutMsDefault = 30_000;

/**
 * Waits until each stream has a leader and answers reads: a stream with three replicas takes and answers
 * nothing in its first moments. Throws a StartError when one does not answer in time.
 */
export async function waitUntilReadable(
  manager: Pick<JetStreamManager, 'direct' | 'streams'>,
  streams: readonly StreamName[],
  timeoutMs = timeoutMsDefault,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (const stream of streams) {
    for (;;) {
      const fault = await readFault(manager, stream);
      if (fault === undefined) break;
      if (performance.now() > deadline) {
        throw new StartError(
          `The stream ${stream} does not answer after ${timeoutMs / 1000} s (${fault.message}). ` +
            'Look at its replicas (nats stream info), and start again once a majority of them is up.',
          { cause: fault },
        );
      }
      await sleep(pollMs);
    }
  }
}

/** Undefined: it answers, even if only that it has no such message. */
async function readFault(
  manager: Pick<JetStreamManager, 'direct' | 'streams'>,
  stream: StreamName,
): Promise<Error | undefined> {
  try {
    const { cluster } = await manager.streams.info(stream);
    if (cluster !== undefined && !cluster.leader) return new Error('it has no leader');
    await manager.direct.getMessage(stream, { seq: 1 });
    return undefined;
  } catch (error) {
    const isNobodyThere =
      error instanceof NoRespondersError ||
      error instanceof TimeoutError ||
      (error instanceof RequestError && error.isNoResponders());
    if (isNobodyThere) return error;
    throw error;
  }
}
