import {
  jetstream,
  JetStreamApiError,
  jetstreamManager,
  type ConsumerMessages,
  type JsMsg,
} from '@nats-io/jetstream';

import { clientsOf } from '../clients.ts';
import { moveToOtherServer } from '../connection.ts';
import type { Log } from '../log.ts';
import { retryWhileForming } from '../server/retry-forming.ts';
import type { StreamName } from '../topology.ts';

/** A message of a durable consumer. Settled by exactly one of `ack`, `nak` and `term`. */
export interface PulledMessage {
  readonly subject: string;
  /** Its position in the stream. */
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
  readonly consumer: string;
  /** How many messages are requested ahead. */
  readonly messagesMax: number;
  readonly onMessage: (message: PulledMessage) => void;
  /**
   * Reports a problem that does not end the pull, such as a deleted consumer or a missing leader.
   */
  readonly onTrouble: (text: string) => void;
}

/**
 * How long a pull request stays open, and how often the server says that it is. Without heartbeats
 * for two to three seconds the client asks again, so that a new leader has requests within seconds.
 *
 * `bind`: at once. Without it the client reads the consumer first and, where one such read fails,
 * as it does during an election, waits for as long as a request stays open: 30 s by default.
 */
export const pullTiming = { expires: 5_000, idle_heartbeat: 1_000, bind: true } as const;

/** Pulls by callback, which costs half as much as the iterator (docs/understand/hot-path.md). */
export async function openPull(options: PullOptions): Promise<Pull> {
  const client = jetstream(clientsOf(options.log).connection);
  const consumer = await retryWhileForming(() =>
    client.consumers.get(options.stream, options.consumer),
  );
  const messages = await consumer.consume({
    max_messages: options.messagesMax,
    ...pullTiming,
    callback: (message) => options.onMessage(new Pulled(message)),
  });
  void reportTrouble(messages, options);
  return {
    stop: async () => {
      messages.stop();
      await messages.closed();
    },
  };
}

/** A class, because one is created for every event and its methods are shared. */
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

const troubles = new Set(['consumer_deleted', 'stream_not_found', 'exceeded_limits']);

/** The client counts missed heartbeats in a row, and reports them from the second one on. */
const missedMin = 2;
const missedPerLine = 10;

async function reportTrouble(messages: ConsumerMessages, options: PullOptions): Promise<void> {
  let checking = false;
  const check = async (): Promise<void> => {
    checking = true;
    const found = await checkConsumer(options);
    if (found !== undefined) options.onTrouble(found);
    checking = false;
  };
  for await (const status of messages.status()) {
    if (status.type === 'heartbeats_missed') {
      // It repeats every second.
      if (status.count % missedPerLine === missedMin) options.onTrouble(status.type);
      if (!checking) void check();
    } else if (troubles.has(status.type)) options.onTrouble(status.type);
  }
}

const consumerCheckTimeoutMs = 3_000;

/**
 * Looks for the reason why a pull request has no answer. Moves the connection if its server does
 * not answer either: it may be cut off from its cluster, whose consumers then work without this
 * worker. Returns a trouble to report. Never rejects.
 */
async function checkConsumer({ log, stream, consumer }: PullOptions): Promise<string | undefined> {
  const { connection } = clientsOf(log);
  try {
    const manager = await jetstreamManager(connection, {
      timeout: consumerCheckTimeoutMs,
      checkAPI: false,
    });
    await manager.consumers.info(stream, consumer);
    return undefined;
  } catch (error) {
    const isAnswer = error instanceof JetStreamApiError && error.status < unavailableStatus;
    if (isAnswer) return error.message.replaceAll(' ', '_');
    return moveToOtherServer(connection) ? 'the server does not answer: left it' : undefined;
  }
}

/** "JetStream system temporarily unavailable", and the like. */
const unavailableStatus = 500;

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
