import { setTimeout as sleep } from 'node:timers/promises';

import { jetstream, type ConsumerMessages } from '@nats-io/jetstream';

import { clientsOf } from '../clients.ts';
import { Pulled, type Pull, type PullOptions } from './pull.ts';

export interface PacedPullOptions extends PullOptions {
  /** How many more messages the receiver has room for just now. */
  readonly room: () => number;
}

/** The server's least is a second. */
const askMs = 5_000;
const pauseMs = 100;
const troubleMs = 1_000;

/**
 * Pulls no more than there is room for, with a new request each time. For a consumer whose messages may
 * all come due at once: there the limit of the log does not bound the memory. Slower than `openPull`.
 */
export async function openPacedPull(options: PacedPullOptions): Promise<Pull> {
  const client = jetstream(clientsOf(options.log).connection);
  const consumer = await client.consumers.get(options.stream, options.consumer);
  const stopping = new AbortController();
  let asking: ConsumerMessages | undefined;

  const pause = (ms: number): Promise<unknown> =>
    sleep(ms, undefined, { signal: stopping.signal }).catch(() => {});

  const ask = async (messagesMax: number): Promise<void> => {
    asking = await consumer.fetch({ max_messages: messagesMax, expires: askMs });
    if (stopping.signal.aborted) asking.stop();
    for await (const message of asking) options.onMessage(new Pulled(message));
  };

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const messagesMax = Math.min(options.messagesMax, options.room());
      if (messagesMax <= 0) {
        await pause(pauseMs);
        continue;
      }
      try {
        await ask(messagesMax);
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
      asking?.stop();
      await running;
    },
  };
}
