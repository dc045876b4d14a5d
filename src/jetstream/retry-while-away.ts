import { setTimeout as sleep } from 'node:timers/promises';

import { ConnectionError, NoRespondersError, RequestError, TimeoutError } from '@nats-io/nats-core';

const away = [ConnectionError, NoRespondersError, RequestError, TimeoutError];
const pauseMs = 500;
/** A server reads its store for minutes; a partition of a cluster heals in minutes. */
const triesMsMax = 120_000;

export interface RetryWhileAway {
  /** Called before each further try, with the failure of the last one. */
  readonly onRetry: (error: unknown) => void;
  /** True: the next failure is final. */
  readonly isStopping: () => boolean;
}

/**
 * Requests again while the log does not answer, for up to two minutes. A lost request says nothing
 * about the next: the connection may have been replaced in between. Rejects with the last failure,
 * and at once with any answer of the log.
 */
export async function retryWhileAway<Value>(
  request: () => Promise<Value>,
  { onRetry, isStopping }: RetryWhileAway,
): Promise<Value> {
  const startedAt = performance.now();
  for (;;) {
    try {
      return await request();
    } catch (error) {
      const isAway = away.some((kind) => error instanceof kind || causeOf(error) instanceof kind);
      if (!isAway || isStopping() || performance.now() > startedAt + triesMsMax) throw error;
      onRetry(error);
      await sleep(pauseMs);
    }
  }
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}
