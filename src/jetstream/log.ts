import type { PublishAck, PublishCallback } from './publish/publish-ack.ts';
import type { StreamName } from './topology.ts';

/**
 * The header of a message's id. A stream that knows the id already, within its dedup window, does not
 * store the message again: its acknowledgement is that of the first, as a duplicate.
 */
export const messageIdHeader = 'Nats-Msg-Id';

/**
 * The log: everything that Headgate keeps. `open-log.ts` opens one on NATS JetStream.
 *
 * Nothing of NATS shows here, nor in the functions of `publish/`, `consume/`, `read/` and `server/`
 * that take a log: what they return are Headgate's own types. Positions are sequences of a stream,
 * from 1; times are Unix times in ms.
 */
export interface Log {
  /**
   * Stores a message and calls back once it is as safe as the durability mode promises: synced
   * (`fsync`), held by a quorum (`replicated`), or written (`async`). `headers`: from `headerBlock`.
   * Never throws; the callback gets the error.
   */
  publish(
    stream: StreamName,
    subject: string,
    headers: string,
    payload: Uint8Array | string,
    callback: PublishCallback,
  ): void;
  /** The same as a promise, off the hot path. Rejects with a PublishError. */
  store(
    stream: StreamName,
    subject: string,
    headers: Readonly<Record<string, string>>,
    payload: Uint8Array | string,
  ): Promise<PublishAck>;
  /** Resolves when the log takes messages; rejects with the reason when it does not. */
  probe(): Promise<void>;
  /** Makes deletions in a stream as safe as its messages: call it after them. */
  syncStream(stream: StreamName): Promise<void>;
  /** Messages without an acknowledgement yet. */
  readonly inFlight: () => number;
  /** The largest message that the log takes, in bytes, headers included. */
  readonly messageBytesMax: () => number;
  close(): Promise<void>;
}
