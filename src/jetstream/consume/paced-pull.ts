import { setTimeout as sleep } from 'node:timers/promises';

import { jetstream, type ConsumerMessages } from '@nats-io/jetstream';

import { clientsOf } from '../clients.ts';
import { retryWhileForming } from '../server/retry-forming.ts';
import { Pulled, pullTiming, type Pull, type PullOptions } from './pull.ts';

export interface PacedPullOptions extends PullOptions {
  /** How many more messages the receiver can hold now. */
  readonly room: () => number;
}

/** Longer than that of `openPull`, because a request without heartbeats ends with an error here. */
const heartbeatMs = 2_000;
const pauseMs = 100;
const troubleMs = 1_000;

/**
 * Pulls only as many messages as the receiver has room for, with a new request each time. For a
 * consumer whose messages may all become due at once: the limit of the log does not bound its
 * memory. Slower than `openPull`.
 */
export async function openPacedPull(options: PacedPullOptions): Promise<Pull> {
  const client = jetstream(clientsOf(options.log).connection);
  const consumer = await retryWhileForming(() =>
    client.consumers.get(options.stream, options.consumer),
  );
  const stopping = new AbortController();
  let request: ConsumerMessages | undefined;

  const pause = (ms: number): Promise<unknown> =>
    sleep(ms, undefined, { signal: stopping.signal }).catch(() => {});

  const fetchOnce = async (messagesMax: number): Promise<void> => {
    request = await consumer.fetch({
      max_messages: messagesMax,
      ...pullTiming,
      idle_heartbeat: heartbeatMs,
    });
    if (stopping.signal.aborted) request.stop();
    for await (const message of request) options.onMessage(new Pulled(message));
  };

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const messagesMax = Math.min(options.messagesMax, options.room());
      if (messagesMax <= 0) {
        await pause(pauseMs);
        continue;
      }
      try {
        await fetchOnce(messagesMax);
      } catch (error) {
        if (stopping.signal.aborted) return;
        options.onTrouble((error as Error).message);
        await pause(troubleMs);
      }
    }
  };

  const running = run();
  return {
    stop: async () => {
      stopping.abort();
      request?.stop();
      await running;
    },
  };
}
