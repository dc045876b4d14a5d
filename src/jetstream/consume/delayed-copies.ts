import type { DeliveredStream } from '../../event/delivery-attempt.ts';
import { messageIdHeader, type Log } from '../log.ts';
import { storeCopy } from './copies/store-copy.ts';
import type { PulledMessage } from './pull.ts';
import { eventNameOf } from '../../event/delivery-attempt.ts';
import { subjects } from '../topology.ts';

/** A copy of an event that waits in RETRY for its next attempt. */
export interface DelayedCopy {
  readonly destination: string;
  /** The stream of the original. */
  readonly stream: DeliveredStream;
  readonly message: PulledMessage;
  /** When the next attempt is due: a Unix time in ms. */
  readonly dueMs: number;
  /** How long it waits from now, by no clock. */
  readonly delayMs: number;
  /** The number of deliveries that count as attempts so far. */
  readonly deliveries: number;
  /** The number of attempts that were not charged. */
  readonly tries: number;
}

const header = {
  stream: 'Headgate-Retry-Stream',
  sequence: 'Headgate-Retry-Sequence',
  subject: 'Headgate-Retry-Subject',
  storedAt: 'Headgate-Retry-Stored-At',
  due: 'Headgate-Retry-Due',
  delay: 'Headgate-Retry-Delay',
  deliveries: 'Headgate-Retry-Deliveries',
  tries: 'Headgate-Retry-Tries',
} as const;

/** The position in EVENTS of an event that is delivered from another stream. */
export const originHeader = 'Headgate-Origin-Sequence';

/** The headers that a copy keeps from its event. Dead letters and replays need them. */
export const keptHeaders = ['Headgate-Correlation-Id', 'traceparent', 'tracestate', originHeader];

/**
 * Stores a copy of an event in RETRY, where it does not count as an unsettled delivery of its
 * consumer. The caller settles the original after that, so a crash in between leaves both messages
 * and loses neither. Rejects with a PublishError.
 */
export async function storeDelayedCopy(log: Log, event: DelayedCopy): Promise<void> {
  const { destination, stream, message, deliveries, tries } = event;
  const headers: Record<string, string> = {
    [messageIdHeader]: `${destination}:${stream}:${message.sequence}:${deliveries}:${tries}`,
    [header.stream]: stream,
    [header.sequence]: String(message.sequence),
    [header.subject]: message.subject,
    [header.storedAt]: String(Math.floor(message.storedAtMs)),
    [header.due]: String(Math.ceil(event.dueMs)),
    [header.delay]: String(Math.ceil(event.delayMs)),
    [header.deliveries]: String(deliveries),
    [header.tries]: String(tries),
  };
  for (const name of keptHeaders) {
    const value = message.header(name);
    if (value !== '') headers[name] = value;
  }
  const eventName = eventNameOf(message.subject);
  const to = subjects.retry(destination, eventName);
  await storeCopy(log, 'RETRY', to, headers, message.payload);
}

/**
 * Reads from a message of RETRY the event's original position in EVENTS, and when its next attempt
 * is due, as a Unix time in ms.
 */
export function originOfDelayedCopy(message: { header(name: string): string }): {
  readonly sequence: number;
  readonly dueMs: number;
} {
  const first = message.header(originHeader);
  return {
    sequence: Number(first === '' ? message.header(header.sequence) : first),
    dueMs: Number(message.header(header.due)),
  };
}

/** An event that is delivered from a copy of it in another stream. Settling it settles the copy. */
export abstract class CopiedMessage implements PulledMessage {
  readonly #message: PulledMessage;
  abstract readonly stream: DeliveredStream;
  abstract readonly subject: string;
  /** The position of the original. */
  abstract readonly sequence: number;
  abstract readonly deliveries: number;
  abstract readonly storedAtMs: number;
  /** The number of attempts that were not charged before the copy was stored. */
  abstract readonly tries: number;
  readonly payload: Uint8Array;

  constructor(message: PulledMessage) {
    this.#message = message;
    this.payload = message.payload;
  }

  header(name: string): string {
    return this.#message.header(name);
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

/**
 * Presents a message of RETRY as the delayed event: with its position, subject and time in the
 * original stream.
 */
export class DelayedMessage extends CopiedMessage {
  readonly stream: DeliveredStream;
  readonly subject: string;
  readonly sequence: number;
  readonly deliveries: number;
  readonly tries: number;
  readonly storedAtMs: number;
  /** When the attempt is due by the wall clock of the worker that stored the copy. */
  readonly dueMs: number;
  /** The delay of the attempt when the copy was stored. */
  readonly delayMs: number;
  /** Position and deliveries of the copy itself. */
  readonly copySequence: number;
  readonly copyDeliveries: number;

  constructor(message: PulledMessage) {
    super(message);
    const number = (name: string): number => Number(message.header(name));
    this.stream = message.header(header.stream) === 'REPLAY' ? 'REPLAY' : 'EVENTS';
    this.subject = message.header(header.subject);
    this.sequence = number(header.sequence);
    // The first delivery of the copy only sets its delay; later deliveries count as attempts.
    this.deliveries = number(header.deliveries) + Math.max(1, message.deliveries - 1);
    this.tries = number(header.tries);
    this.storedAtMs = number(header.storedAt);
    this.dueMs = number(header.due);
    // Copies of earlier versions name no delay; the log knows when it stored them.
    const delay = message.header(header.delay);
    this.delayMs = Math.max(0, delay === '' ? this.dueMs - message.storedAtMs : Number(delay));
    this.copySequence = message.sequence;
    this.copyDeliveries = message.deliveries;
  }
}
