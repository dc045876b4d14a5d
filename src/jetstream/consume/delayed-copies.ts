import type { DeliveredStream } from '../../event/delivery-attempt.ts';
import { messageIdHeader, type Log } from '../log.ts';
import type { PulledMessage } from './pull.ts';
import { subjects } from '../topology.ts';

/** An event that waits in RETRY for its next attempt. */
export interface DelayedCopy {
  readonly destination: string;
  /** The stream it came from. */
  readonly stream: DeliveredStream;
  readonly message: PulledMessage;
  /** When it is to be tried again: a Unix time in ms. */
  readonly dueMs: number;
  /** Its deliveries so far that count as attempts. */
  readonly deliveries: number;
  /** How often it was tried without being charged. */
  readonly tries: number;
}

const header = {
  stream: 'Headgate-Retry-Stream',
  sequence: 'Headgate-Retry-Sequence',
  subject: 'Headgate-Retry-Subject',
  storedAt: 'Headgate-Retry-Stored-At',
  due: 'Headgate-Retry-Due',
  deliveries: 'Headgate-Retry-Deliveries',
  tries: 'Headgate-Retry-Tries',
} as const;

/** What an event keeps of its own headers; dead letters and replays are made of these. */
const keptHeaders = [
  'Headgate-Correlation-Id',
  'traceparent',
  'tracestate',
  'Headgate-Origin-Sequence',
];

/**
 * Stores a copy of an event in RETRY, where it waits without counting among the unsettled deliveries of
 * its consumer. Only then may the caller settle the original: a crash in between leaves both, and never
 * neither. Rejects with a PublishError.
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
    [header.deliveries]: String(deliveries),
    [header.tries]: String(tries),
  };
  for (const name of keptHeaders) {
    const value = message.header(name);
    if (value !== '') headers[name] = value;
  }
  const eventName = message.subject.slice(message.subject.lastIndexOf('.') + 1);
  await log.store('RETRY', subjects.retry(destination, eventName), headers, message.payload);
}

/**
 * Of a message of RETRY: the position that its event first had in EVENTS, and when it is to be tried
 * again, as a Unix time in ms.
 */
export function originOfDelayedCopy(message: { header(name: string): string }): {
  readonly sequence: number;
  readonly dueMs: number;
} {
  const first = message.header('Headgate-Origin-Sequence');
  return {
    sequence: Number(first === '' ? message.header(header.sequence) : first),
    dueMs: Number(message.header(header.due)),
  };
}

/**
 * A message of RETRY, seen as the event that was delayed: with the position, the subject and the time
 * that it has in the stream it came from. Settling it settles the copy.
 */
export class DelayedMessage implements PulledMessage {
  readonly #message: PulledMessage;
  readonly stream: DeliveredStream;
  readonly subject: string;
  readonly sequence: number;
  readonly deliveries: number;
  readonly tries: number;
  readonly storedAtMs: number;
  readonly dueMs: number;
  readonly payload: Uint8Array;

  constructor(message: PulledMessage) {
    const number = (name: string): number => Number(message.header(name));
    this.#message = message;
    this.stream = message.header(header.stream) === 'REPLAY' ? 'REPLAY' : 'EVENTS';
    this.subject = message.header(header.subject);
    this.sequence = number(header.sequence);
    // Its first delivery only sets its delay; the later ones count.
    this.deliveries = number(header.deliveries) + Math.max(1, message.deliveries - 1);
    this.tries = number(header.tries);
    this.storedAtMs = number(header.storedAt);
    this.dueMs = number(header.due);
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
