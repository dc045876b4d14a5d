import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';
import { runPull, type Pull, type PullRoom, type PullSettings } from './pull-requests.ts';
import type { PulledMessage } from './pulled-message.ts';

export type { Pull, PulledMessage, PullRoom };

export interface PullOptions extends PullSettings {
  readonly log: Log;
}

/**
 * Pulls by callback, which costs half as much as the iterator (docs/understand/hot-path.md).
 * Rejects if the consumer does not exist or the log cannot be reached.
 */
export async function openPull(options: PullOptions): Promise<Pull> {
  const { connection, manager, traffic } = clientsOf(options.log);
  await manager.consumers.info(options.stream, options.consumer);
  return runPull({ ...options, connection, manager, traffic });
}

/** An unreachable server must not delay a stop. */
const flushTimeoutMs = 1_000;

/**
 * Waits until the client has sent its buffered acks and naks, because the caller may close the
 * connection next. Never rejects; the log redelivers a message whose ack is lost.
 */
export async function flushSettled(log: Log): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, flushTimeoutMs);
  clientsOf(log)
    .connection.flush()
    .then(resolve, () => resolve());
  await promise;
  clearTimeout(timer);
}
