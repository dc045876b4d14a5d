import { setTimeout as sleep } from 'node:timers/promises';

import type { StreamEndpoint } from '../gate/nats/stream-endpoint.ts';
import { whenAborted } from '../destinations/when-aborted.ts';
import { openOtherStream } from '../jetstream/other/other-stream.ts';
import type { Signals } from '../observability/signals.ts';
import { MessageDesk } from './message-desk.ts';
import type { NatsSource } from './source-server.ts';

export interface TakeMessagesOptions {
  readonly source: NatsSource;
  readonly endpoint: StreamEndpoint;
  readonly signals: Pick<Signals, 'natsIntakeSettled' | 'trouble'>;
  readonly dedupWindowMs: number;
  /** How long a stop waits for what is being stored. */
  readonly stopGraceMs: number;
}

/** Takes the messages of one source in one process. Every process of every gate shares the consumer. */
export interface MessageTaker {
  start(): void;
  /** Settles what it holds, and closes its connection. */
  stop(): Promise<void>;
}

const reconnectMs = 500;

/** What the watch reports (watch-sources.ts), once for all processes. */
const endings: ReadonlySet<string> = new Set([
  'consumer_deleted',
  'consumer_not_found',
  'stream_not_found',
]);

/**
 * States: connecting -> taking -> (failed -> waiting -> connecting)* -> stopped. Each connection inspects
 * the consumer, because it may be another one under the same name.
 */
export function createMessageTaker(options: TakeMessagesOptions): MessageTaker {
  const stopping = new AbortController();
  const { signal } = stopping;
  let running: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      // The watch meets the same fault, and reports it.
      await takeUntilLost(options, signal).catch(() => {});
      await sleep(reconnectMs, undefined, { signal }).catch(() => {});
    }
  };
  return {
    start: () => {
      running ??= run();
    },
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

/** Resolves when the connection or the consumer is gone, or at the stop. */
async function takeUntilLost(options: TakeMessagesOptions, stopping: AbortSignal): Promise<void> {
  const { signals, stopGraceMs } = options;
  const { server, source, stream } = options.source;
  const opened = await openOtherStream(server, options.source, `headgate intake ${source}`);
  const gone = Promise.withResolvers<void>();
  const stopped = whenAborted(stopping);
  const desk = new MessageDesk({ ...options, source, stream, onRoom: () => pull.more() });
  desk.keepAlive(opened.state.ackWaitMs);
  const pull = opened.pull({
    room: desk.room,
    onMessage: (message) => desk.take(message),
    onTrouble: (text) => {
      if (endings.has(text)) gone.resolve();
      else signals.trouble(`taking messages of intake.nats.${source}`, text);
    },
  });
  await Promise.race([gone.promise, opened.closed, stopped.promise]).catch(() => {});
  stopped.forget();
  await pull.stop();
  await desk.stop(opened.isClosed() ? 0 : stopGraceMs);
  // Acknowledgements that are still in the client would be lost.
  await opened.flush();
  await opened.close();
}
