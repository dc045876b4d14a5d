import type { PublishAck, PublishCallback } from './publish/publish-ack.ts';
import type { StoredStreamName, StreamName } from './topology.ts';

/**
 * The header with a message's id. If the stream has a message with this id within its dedup window,
 * it does not store the new one: it acknowledges a duplicate, with the sequence of the first
 * message.
 */
export const messageIdHeader = 'Nats-Msg-Id';

/**
 * The log, where Headgate keeps all its data. `open-log.ts` opens one on NATS JetStream.
 *
 * This interface hides NATS, and so do the functions of `publish/`, `consume/`, `read/` and
 * `server/` that take a log: they return Headgate's own types. Positions are sequences of a stream,
 * from 1, and in EVENTS a partition and a sequence (events/event-position.ts); times are Unix times
 * in ms.
 */
export interface Log {
  /**
   * Stores a message and calls back once it is as durable as the durability mode promises: synced
   * (`fsync`), held by a quorum (`replicated`), or written (`async`). `headers` come from
   * `headerBlock`. Never throws; the callback receives the error.
   *
   * @param payloadBytes of a text as UTF-8, where the caller knows them.
   */
  publish(
    stream: StreamName,
    subject: string,
    headers: string,
    payload: Uint8Array | string,
    callback: PublishCallback,
    payloadBytes?: number,
  ): void;
  /** Like `publish`, with a promise, for code off the hot path. Rejects with a PublishError. */
  store(
    stream: StreamName,
    subject: string,
    headers: Readonly<Record<string, string>>,
    payload: Uint8Array | string,
  ): Promise<PublishAck>;
  /**
   * Resolves if the log accepts messages; rejects with the reason if it does not. It uses the
   * connection and the stream of the events.
   */
  probe(): Promise<void>;
  /** Why no message can be stored just now, as text for operators, without asking the log. */
  readonly failure: () => string | undefined;
  /** Makes deletions in a stream of NATS as durable as its messages. Call it after a deletion. */
  syncStream(stream: StoredStreamName): Promise<void>;
  /** The number of messages without an acknowledgement. */
  readonly inFlight: () => number;
  /** Whether this process stores more than 100 messages a second just now. */
  readonly isTaking: () => boolean;
  /** The size of the largest message that the log accepts, in bytes, including headers. */
  readonly messageBytesMax: () => number;
  close(): Promise<void>;
}
