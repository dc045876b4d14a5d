import { jetstream, type ConsumerMessages, type JsMsg } from '@nats-io/jetstream';

import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';
import { partsOf } from '../events/event-streams.ts';
import type { StreamPart } from '../events/stream-parts.ts';
import type { StreamName } from '../topology.ts';

/** A message of a durable consumer. Settled by exactly one of `ack`, `nak` and `term`. */
export interface PulledMessage {
  readonly subject: string;
  /** Its position in the log's stream. */
  readonly sequence: number;
  /** How often the log has delivered it, including this delivery. */
  readonly deliveries: number;
  /** When the log stored it: a Unix time in ms. */
  readonly storedAtMs: number;
  readonly payload: Uint8Array;
  header(name: string): string;
  ack(): void;
  /** Rejects the delivery; the log delivers the message again after `delayMs`. */
  nak(delayMs: number): void;
  term(reason: string): void;
  /** Reports progress, which restarts the acknowledgement wait. */
  working(): void;
}

export interface Pull {
  /** Takes no more messages. Delivered messages stay with the receiver. */
  stop(): Promise<void>;
}

export interface PullOptions {
  readonly log: Log;
  readonly stream: StreamName;
  /** A part of the stream. Default: its first. */
  readonly part?: StreamPart;
  readonly consumer: string;
  /** How many messages are requested ahead. */
  readonly messagesMax: number;
  readonly onMessage: (message: PulledMessage) => void;
  /**
   * Reports a problem that does not end the pull, such as a deleted consumer or a missing leader.
   */
  readonly onTrouble: (text: string) => void;
}

/** Pulls by callback, which costs half as much as the iterator (docs/understand/hot-path.md). */
export async function openPull(options: PullOptions): Promise<Pull> {
  const client = jetstream(clientsOf(options.log).connection);
  const part = partOf(options);
  const consumer = await client.consumers.get(part.stream, options.consumer);
  const messages = await consumer.consume({
    max_messages: options.messagesMax,
    idle_heartbeat: 5_000,
    callback: (message) => options.onMessage(new Pulled(message, part)),
  });
  void reportTrouble(messages, options.onTrouble);
  return {
    stop: async () => {
      messages.stop();
      await messages.closed();
    },
  };
}

/** The part of a stream that a pull reads. */
export function partOf({ log, stream, part }: PullOptions): StreamPart {
  return part ?? partsOf(log, stream)[0]!;
}

/** A class, because one is created for every event and its methods are shared. */
export class Pulled implements PulledMessage {
  readonly #message: JsMsg;
  readonly subject: string;
  readonly sequence: number;
  readonly deliveries: number;
  readonly storedAtMs: number;
  readonly payload: Uint8Array;

  constructor(message: JsMsg, part: StreamPart) {
    const info = message.info;
    this.#message = message;
    this.subject = message.subject;
    this.sequence = part.position(info.streamSequence);
    this.deliveries = info.deliveryCount;
    this.storedAtMs = info.timestampNanos / 1_000_000;
    this.payload = message.data;
  }

  header(name: string): string {
    return this.#message.headers?.get(name) ?? '';
  }

  ack(): void {
    this.#message.ack();
  }

  nak(delayMs: number): void {
    this.#message.nak(delayMs);
  }

  term(reason: string): void {
    this.#message.term(reason);
  }

  working(): void {
    this.#message.working();
  }
}

const troubles = new Set([
  'consumer_deleted',
  'consumer_not_found',
  'stream_not_found',
  'heartbeats_missed',
  'exceeded_limits',
]);

async function reportTrouble(
  messages: ConsumerMessages,
  onTrouble: (text: string) => void,
): Promise<void> {
  for await (const status of messages.status()) {
    if (troubles.has(status.type)) onTrouble(status.type);
  }
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
