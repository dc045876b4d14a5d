import type { MsgHdrs } from '@nats-io/nats-core';

import type { StreamPart } from '../../events/stream-parts.ts';
import type { MessageOfBytes, ReceivedMessage } from '../../message-reader.ts';
import { acknowledged, readAckSubject } from './ack-subject.ts';
import type { MessageAnswers } from './message-answers.ts';

/** What the reader of messages gives, or the client. */
type Received = Omit<ReceivedMessage, 'size'> &
  Partial<Pick<MessageOfBytes, 'readReply' | 'detach'>>;

/**
 * A message of a durable consumer. Settled by exactly one of `ack`, `nak` and `term`. They are sent, not confirmed: an
 * answer that is lost, or given on a connection that is closed, lets the log deliver the message again.
 */
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
  /** Makes it keep no more memory than its own, for one that stays while those that came with it go. */
  detach?(): void;
  ack(): void;
  /** Rejects the delivery; the log delivers the message again after `delayMs`. */
  nak(delayMs: number): void;
  term(reason: string): void;
  /** Reports progress, which restarts the acknowledgement wait. */
  working(): void;
}

/** A class, because one is created for every event and its methods are shared. */
export class Pulled implements PulledMessage {
  readonly #answers: MessageAnswers;
  readonly #message: Received;
  readonly sequence: number;
  readonly deliveries: number;
  readonly storedAtMs: number;

  /** Throws a TypeError if the message does not come from a consumer. */
  constructor(answers: MessageAnswers, message: Received, part: StreamPart) {
    if (!readReplyOf(message)) throw new TypeError('not a message of a consumer');
    this.#answers = answers;
    this.#message = message;
    this.deliveries = acknowledged.deliveries;
    this.sequence = part.position(acknowledged.sequence);
    this.storedAtMs = acknowledged.storedAtMs;
  }

  get subject(): string {
    return this.#message.subject;
  }

  get payload(): Uint8Array {
    return this.#message.data;
  }

  detach(): void {
    this.#message.detach?.();
  }

  header(name: string): string {
    return this.#message.headers?.get(name) ?? '';
  }

  /** Undefined if it has none. They are parsed at the first look. */
  get headers(): MsgHdrs | undefined {
    return this.#message.headers;
  }

  ack(): void {
    this.#answers.acknowledge(this.#message.reply!);
  }

  nak(delayMs: number): void {
    this.#answer(delayMs > 0 ? `-NAK {"delay":${Math.round(delayMs * 1_000_000)}}` : '-NAK');
  }

  term(reason: string): void {
    this.#answer(reason === '' ? '+TERM' : `+TERM ${reason}`);
  }

  working(): void {
    this.#answer('+WPI');
  }

  #answer(text: string): void {
    this.#answers.send(this.#message.reply!, text);
  }
}

function readReplyOf(message: Received): boolean {
  if (message.readReply !== undefined) return message.readReply(readAckSubject);
  const reply = Buffer.from(message.reply ?? '');
  return readAckSubject(reply, 0, reply.length);
}
