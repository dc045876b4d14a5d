import type { MsgHdrs } from '@nats-io/nats-core';

import type { StreamPart } from '../../events/stream-parts.ts';
import type { MessageAnswers } from './message-answers.ts';
import type { ReceivedMessage } from '../../message-reader.ts';

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
  ack(): void;
  /** Rejects the delivery; the log delivers the message again after `delayMs`. */
  nak(delayMs: number): void;
  term(reason: string): void;
  /** Reports progress, which restarts the acknowledgement wait. */
  working(): void;
}

/**
 * How many tokens follow the name of the consumer in `$JS.ACK...`: deliveries, position, position
 * in the consumer, time in ns, pending. Servers put a domain and an account before the names, and
 * then a random token at the end: 12 tokens instead of 9.
 */
const plainTokens = 9;

/** Where the dots of the reply subject are that was looked at last: `split` would make a text of each token. */
const dotPlaces: number[] = [];

function dotsOf(reply: string): number {
  let dots = 0;
  for (let at = reply.indexOf('.'); at !== -1; at = reply.indexOf('.', at + 1)) {
    dotPlaces[dots] = at;
    dots += 1;
  }
  dotPlaces[dots] = reply.length;
  return dots;
}

/** The token behind a dot, counted from 0. */
function numberBehind(reply: string, dot: number): number {
  return Number(reply.slice(dotPlaces[dot]! + 1, dotPlaces[dot + 1]));
}

/** A class, because one is created for every event and its methods are shared. */
export class Pulled implements PulledMessage {
  readonly #answers: MessageAnswers;
  readonly #message: Omit<ReceivedMessage, 'size'>;
  readonly subject: string;
  readonly sequence: number;
  readonly deliveries: number;
  readonly storedAtMs: number;
  readonly payload: Uint8Array;

  /** Throws a TypeError if the message does not come from a consumer. */
  constructor(answers: MessageAnswers, message: Omit<ReceivedMessage, 'size'>, part: StreamPart) {
    const reply = message.reply ?? '';
    const dots = dotsOf(reply);
    if (dots < plainTokens - 1) throw new TypeError('not a message of a consumer');
    const at = dots === plainTokens - 1 ? 3 : 5;
    this.#answers = answers;
    this.#message = message;
    this.subject = message.subject;
    this.deliveries = numberBehind(reply, at);
    this.sequence = part.position(numberBehind(reply, at + 1));
    this.storedAtMs = numberBehind(reply, at + 3) / 1_000_000;
    this.payload = message.data;
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
