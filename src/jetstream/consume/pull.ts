import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';
import type { StreamName } from '../topology.ts';
import { runPull } from './pull-requests.ts';
import type { PulledMessage } from './pulled-message.ts';

export type { PulledMessage };

export interface Pull {
  /** Requests more messages. Call it when the receiver has room again. */
  more(): void;
  /** Takes no more messages. Delivered messages stay with the receiver. */
  stop(): Promise<void>;
}

/** How many more messages a receiver can take now. */
export interface PullRoom {
  readonly messages: number;
  /** The payload bytes of these messages together. */
  readonly bytes: number;
  /** The receiver holds nothing: one message is requested, whatever its size. */
  readonly isEmpty: boolean;
}

export interface PullOptions {
  readonly log: Log;
  readonly stream: StreamName;
  readonly consumer: string;
  /** How many messages are requested ahead. */
  readonly messagesMax: number;
  /**
   * What the receiver can take beyond what it holds. Undefined: it takes all. When it says less
   * than it held back before, call `Pull.more`.
   */
  readonly room?: () => PullRoom;
  readonly onMessage: (message: PulledMessage) => void;
  /**
   * Reports a problem that does not end the pull, such as a deleted consumer or a missing leader.
   */
  readonly onTrouble: (text: string) => void;
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
