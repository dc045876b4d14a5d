import { setTimeout as sleep } from 'node:timers/promises';

import { JetStreamApiError } from '@nats-io/jetstream';
import { NoRespondersError, RequestError, TimeoutError } from '@nats-io/nats-core';

/** 30 s in all, with the client's timeout of 5 s. */
const timeoutsMax = 6;
const retryMsMax = 30_000;
const pauseMs = 250;

/**
 * What a cluster that is just forming answers: it has no leader yet, or its leader does not know the
 * other servers yet, by JetStream's error codes.
 */
const formingCodes = new Set([
  10_005, // no suitable peers for placement
  10_008, // JetStream system temporarily unavailable
  10_009, // not assigned
  10_010, // cluster not leader
]);

/**
 * Does work that may be repeated, again and again for half a minute while it fails as on a cluster
 * that is just forming. Rejects with any other error at once, and with the last one in the end.
 */
export async function retryWhileForming<T>(work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + retryMsMax;
  for (let timeouts = 0; ;) {
    try {
      return await work();
    } catch (error) {
      const isTimeout = error instanceof TimeoutError;
      if (isTimeout) timeouts += 1;
      if (timeouts >= timeoutsMax || performance.now() > deadline) throw error;
      if (!isTimeout && !isForming(error)) throw error;
      if (!isTimeout) await sleep(pauseMs);
    }
  }
}

function isForming(error: unknown): boolean {
  if (error instanceof JetStreamApiError) return formingCodes.has(error.code);
  if (error instanceof NoRespondersError) return true;
  if (error instanceof RequestError) return error.isNoResponders();
  // "JetStream is not enabled", which the client says for every request without an answer.
  return error instanceof Error && error.cause !== undefined && isForming(error.cause);
}
