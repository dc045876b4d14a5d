import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream';
import { createInbox, nanos, type NatsConnection } from '@nats-io/nats-core';

import { withinBudget } from '../byte-budget.ts';
import { clientsOf } from '../clients.ts';
import type { StreamPart } from '../events/stream-parts.ts';
import type { Log } from '../log.ts';
import { messageReaderOf, type MessageOfBytes, type ReceivedMessage } from '../message-reader.ts';
import { pageBytesMax } from '../traffic.ts';
import type { StoredMessage } from './read.ts';
import { valueOfHeader } from './page.ts';
import { messagesAtOnce, wholeStream } from './whole-reads.ts';

/**
 * Reads the messages of one stream of NATS in order, through a consumer of its own that acknowledges nothing: for
 * a message nats-server takes a third of the processor time of a direct get, and sends no headers of its own.
 *
 * A consumer is lost with its server, and its messages with a connection. So a reader only ever returns messages
 * that follow each other, and says `broken` otherwise: then read on from the last one by `readPages`.
 */
export interface PartReader {
  /** The next messages; none at the end of the stream. Never rejects. */
  next(): Promise<StoredMessage[] | 'broken'>;
  /** Deletes its consumer. Never rejects. */
  close(): Promise<void>;
}

/** Such consumers hold no message back: retention/deletable.ts. */
const namePrefix = 'headgate-reader-';
export const isPartReader = (consumer: string): boolean => consumer.startsWith(namePrefix);

const pageMessagesMax = 512;
/** How long to wait for the next message of a page. */
const pageTimeoutMs = 5_000;
/** A reader that waits longer, for a slower one of another partition, is broken then. */
const inactiveMs = 300_000;

/**
 * Of all messages: to make a consumer with a filter takes nats-server longer the more messages it has to count, and
 * publishing waits for it. Undefined if the consumer cannot be made: read by `readPages` then.
 */
export async function openPartReader(
  log: Log,
  part: StreamPart,
  sequence: number,
): Promise<PartReader | undefined> {
  const { connection, manager, traffic } = clientsOf(log);
  const consumer = `${namePrefix}${crypto.randomUUID()}`;
  try {
    await manager.consumers.add(part.stream, {
      name: consumer,
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: Math.max(1, sequence),
      inactive_threshold: nanos(inactiveMs),
      mem_storage: true,
      num_replicas: 1,
    });
  } catch {
    return undefined;
  }
  let received = 0;
  return {
    next: async () => {
      const page = await withinBudget(traffic.pages, pageBytesMax, () =>
        requestConsumed(connection, part, consumer, {
          received,
          messagesMax: Math.min(pageMessagesMax, messagesAtOnce(log, part, wholeStream)),
        }),
      ).catch((): 'broken' => 'broken');
      if (page !== 'broken') received += page.length;
      return page;
    },
    close: async () => {
      await manager.consumers.delete(part.stream, consumer).catch(() => {});
    },
  };
}

interface NextMessages {
  /** How many the consumer has delivered before. */
  readonly received: number;
  readonly messagesMax: number;
}

/** Rejects if the connection is closed. */
function requestConsumed(
  connection: NatsConnection,
  part: StreamPart,
  consumer: string,
  { received, messagesMax }: NextMessages,
): Promise<ConsumedMessage[] | 'broken'> {
  return new Promise((resolve, reject) => {
    const page: ConsumedMessage[] = [];
    const inbox = createInbox();
    const end = (result: ConsumedMessage[] | 'broken'): void => {
      clearTimeout(timer);
      stopReading();
      subscription.unsubscribe();
      resolve(result);
    };
    const receive = (message: ReceivedMessage): void => {
      timer.refresh();
      const consumed = new ConsumedMessage(part, message);
      if (consumed.number !== received + page.length + 1) return end('broken');
      page.push(consumed);
      if (page.length === messagesMax || consumed.isLast) end(page);
    };
    const subscription = connection.subscribe(inbox, {
      callback: (error, message) => {
        if (error !== null) end('broken');
        // A message without headers, or a client whose parser we do not know.
        else if (message.subject !== inbox) receive(message as ReceivedMessage & typeof message);
        else end(page.length > 0 || message.headers?.code === noMessages ? page : 'broken');
      },
    });
    const stopReading = messageReaderOf(connection).listen(subscription, receive);
    const timer = setTimeout(() => end('broken'), pageTimeoutMs);
    timer.unref();
    const request = { batch: messagesMax, max_bytes: pageBytesMax, no_wait: true };
    try {
      connection.publish(
        `$JS.API.CONSUMER.MSG.NEXT.${part.stream}.${consumer}`,
        JSON.stringify(request),
        { reply: inbox },
      );
    } catch (error) {
      end('broken');
      reject(error as Error);
    }
  });
}

const noMessages = 404;

/**
 * The tokens behind the name of the consumer in the reply subject, counted from the end: `$JS.ACK.<stream>.<consumer>.
 * <deliveries>.<sequence>.<number>.<time in ns>.<pending>`; with a domain, a random token follows.
 */
const plainTokens = 9;

/** A class, because millions are read and its parts are shared. */
export class ConsumedMessage {
  readonly subject: string;
  /** Its position. */
  readonly sequence: number;
  readonly payload: Uint8Array;
  /** The first value of a header; empty without it. A property: callers pass it on without its message. */
  readonly header: (name: string) => string;
  /** 1 for the first message of its consumer. */
  readonly number: number;
  /** The stream held no more when it was sent. */
  readonly isLast: boolean;
  readonly #time: string;

  /** Its numbers are NaN if it does not come from a consumer. */
  constructor(part: StreamPart, message: ReceivedMessage) {
    const tokens = (message.reply ?? '').split('.');
    const at = tokens.length === plainTokens ? 5 : 7;
    this.subject = message.subject;
    this.sequence = part.position(Number(tokens[at]));
    this.number = Number(tokens[at + 1]);
    this.#time = tokens[at + 2] ?? '';
    this.isLast = tokens[at + 3] === '0';
    this.payload = message.data;
    this.header = (name) => headerOf(message, name);
  }

  /** A Unix time in ms. */
  get storedAtMs(): number {
    // As text, because a number rounds nanoseconds.
    return Number(this.#time.slice(0, -6));
  }
}

function headerOf(message: ReceivedMessage, name: string): string {
  const { headerText } = message as Partial<MessageOfBytes> & ReceivedMessage;
  const text = headerText === undefined ? String(message.headers ?? '') : headerText.call(message);
  return valueOfHeader(text, name);
}
