import { jetstream, type ConsumerMessages, type JsMsg } from '@nats-io/jetstream';

import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';
import type { StreamName } from '../topology.ts';

/** A message of a durable consumer. Settled by exactly one of `ack`, `nak` and `term`. */
export interface PulledMessage {
  readonly subject: string;
  /** Its position in the stream. */
  readonly sequence: number;
  /** How often the log has delivered it, this time included. */
  readonly deliveries: number;
  /** When the log took it, in milliseconds since 1970. */
  readonly storedAtMs: number;
  readonly payload: Uint8Array;
  header(name: string): string;
  ack(): void;
  /** Hands it back; the log delivers it again after `delayMs`. */
  nak(delayMs: number): void;
  term(reason: string): void;
  /** The work goes on: the acknowledgement wait begins anew. */
  working(): void;
}

export interface Pull {
  /** Takes no more messages; those that were delivered stay with the receiver. */
  stop(): Promise<void>;
}

export interface PullOptions {
  readonly log: Log;
  readonly stream: StreamName;
  readonly consumer: string;
  /** How many messages are asked for ahead. */
  readonly messagesMax: number;
  readonly onMessage: (message: PulledMessage) => void;
  /** A problem that the pull goes on with: the consumer was deleted, or its leader is away. */
  readonly onTrouble: (text: string) => void;
}

/** Pulls by callback, which costs half of what the iterator does (docs/understand/hot-path.md). */
export async function openPull(options: PullOptions): Promise<Pull> {
  const client = jetstream(clientsOf(options.log).connection);
  const consumer = await client.consumers.get(options.stream, options.consumer);
  const messages = await consumer.consume({
    max_messages: options.messagesMax,
    idle_heartbeat: 5_000,
    callback: (message) => options.onMessage(new Pulled(message)),
  });
  void reportTrouble(messages, options.onTrouble);
  return {
    stop: async () => {
      messages.stop();
      await messages.closed();
    },
  };
}

/** A class, because one is made for every event: its methods are shared, not made anew. */
export class Pulled implements PulledMessage {
  readonly #message: JsMsg;
  readonly subject: string;
  readonly sequence: number;
  readonly deliveries: number;
  readonly storedAtMs: number;
  readonly payload: Uint8Array;

  constructor(message: JsMsg) {
    const info = message.info;
    this.#message = message;
    this.subject = message.subject;
    this.sequence = info.streamSequence;
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

/** A server that is away does not hold up a stop. */
const flushTimeoutMs = 1_000;

/**
 * Waits until the acks and naks have left this process: they may still be buffered in the client, whose
 * connection may be closed next. Never rejects; a message whose ack is lost is delivered again.
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
