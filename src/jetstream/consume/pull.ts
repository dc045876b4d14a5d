import { clientsOf } from '../clients.ts';
import { flushWithin } from '../connection.ts';
import { retryWhileForming } from '../server/retry-forming.ts';
import type { Log } from '../log.ts';
import { partsOf } from '../events/event-streams.ts';
import type { StreamPart } from '../events/stream-parts.ts';
import type { StreamName } from '../topology.ts';
import { runPull, type Pull, type PullRoom, type PullSettings } from './pulling/pull-requests.ts';
import type { PulledMessage } from './pulling/pulled-message.ts';

export type { Pull, PulledMessage, PullRoom };

export interface PullOptions extends PullSettings {
  readonly log: Log;
  readonly stream: StreamName;
  /** A part of the stream. Default: its first. */
  readonly part?: StreamPart;
}

/**
 * Pulls by callback, which costs half as much as the iterator (docs/understand/hot-path.md).
 * Rejects if the consumer does not exist or the log cannot be reached.
 */
export async function openPull(options: PullOptions): Promise<Pull> {
  const { connection, manager, traffic, answers } = clientsOf(options.log);
  const part = options.part ?? partsOf(options.log, options.stream)[0]!;
  await retryWhileForming(() => manager.consumers.info(part.stream, options.consumer));
  return runPull({ ...options, part, connection, manager, traffic, answers });
}

/**
 * Waits until the client has sent its acks and naks, because the caller may close the
 * connection next. Never rejects; the log redelivers a message whose ack is lost.
 */
export function flushSettled(log: Log): Promise<void> {
  const { connection, answers } = clientsOf(log);
  answers.flush();
  return flushWithin(connection);
}
